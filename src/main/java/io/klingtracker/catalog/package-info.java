/**
 * What Kling takes: its paths, fields, limits, models and prices as data, and the checks made from
 * them before anything is paid for.
 */
@NullMarked
package io.klingtracker.catalog;

import org.jspecify.annotations.NullMarked;
