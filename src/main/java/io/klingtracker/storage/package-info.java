/**
 * Where large things are kept outside the database: a folder that all replicas share, or a bucket.
 */
@NullMarked
package io.klingtracker.storage;

import org.jspecify.annotations.NullMarked;
