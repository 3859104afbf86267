/** JSON that somebody wrote: read strictly, kept to the letter, and shown in messages. */
@NullMarked
package io.klingtracker.json;

import org.jspecify.annotations.NullMarked;
