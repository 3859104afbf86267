package io.klingtracker.task;

import java.util.List;

/**
 * Fired in process, after the commit, when tasks are no more, so that nobody shows what he
 * remembers of them.
 *
 * @param taskIds which
 */
public record TasksRemoved(List<String> taskIds) {}
