package io.klingtracker.task;

import java.util.List;
import java.util.Map;

/**
 * Tasks by the ids that were asked for.
 *
 * @param tasks by those ids; ids that name nothing are missing
 * @param leftOut ids that name tasks for which there was no room in an answer's bytes
 */
public record TaskBatch(Map<String, Task> tasks, List<String> leftOut) {}
