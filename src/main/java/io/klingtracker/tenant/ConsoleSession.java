package io.klingtracker.tenant;

/**
 * A signed-in reader of the console.
 *
 * @param id what the cookie has; never to be shown
 * @param administrator whether an admin key was exchanged for it
 */
public record ConsoleSession(String id, boolean administrator) {}
