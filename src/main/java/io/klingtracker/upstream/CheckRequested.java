package io.klingtracker.upstream;

/**
 * Fired in process when a task's next check was moved up to now: someone said something that needs
 * Kling's proof.
 */
public record CheckRequested(String taskId) {}
