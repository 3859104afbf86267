/** Stories about the packaged service as a process: started, killed, started again. */
@NullMarked
package io.klingtracker.it;

import org.jspecify.annotations.NullMarked;
