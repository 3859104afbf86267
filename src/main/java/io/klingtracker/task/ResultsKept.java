package io.klingtracker.task;

import java.util.List;

/**
 * Fired in process, after the commit, when the copies of tasks' results are others than before, or
 * their end was told, so that nobody shows what he remembers of them.
 *
 * @param taskIds which
 */
public record ResultsKept(List<String> taskIds) {}
