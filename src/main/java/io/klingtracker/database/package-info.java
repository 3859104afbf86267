/** The way to PostgreSQL for hand-written statements; entities use Hibernate ORM Panache. */
@NullMarked
package io.klingtracker.database;

import org.jspecify.annotations.NullMarked;
