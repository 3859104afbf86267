package io.klingtracker.console;

import org.jspecify.annotations.Nullable;

/**
 * The page on which a key is asked for.
 *
 * @param to the page to go to afterwards
 * @param fault why the last key did not do; null on the first look
 */
public record SignIn(String to, @Nullable String fault) {}
