/** Standard Webhooks: secrets, the key pair and the header that signs a request. */
@NullMarked
package io.klingtracker.signature;

import org.jspecify.annotations.NullMarked;
