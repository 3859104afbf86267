package io.klingtracker.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class TaskStatusTest {

  /** Where a task may go from each status, written out by hand from the contract. */
  static final Map<TaskStatus, List<TaskStatus>> MOVES =
      Map.of(
          TaskStatus.QUEUED,
          List.of(
              TaskStatus.SUBMITTED,
              TaskStatus.PROCESSING,
              TaskStatus.EXPIRED,
              TaskStatus.SUCCEED,
              TaskStatus.FAILED,
              TaskStatus.CANCELED),
          TaskStatus.SUBMITTED,
          List.of(TaskStatus.PROCESSING, TaskStatus.EXPIRED, TaskStatus.SUCCEED, TaskStatus.FAILED),
          TaskStatus.PROCESSING,
          List.of(TaskStatus.EXPIRED, TaskStatus.SUCCEED, TaskStatus.FAILED),
          TaskStatus.EXPIRED,
          List.of(TaskStatus.SUCCEED, TaskStatus.FAILED),
          TaskStatus.SUCCEED,
          List.of(),
          TaskStatus.FAILED,
          List.of(),
          TaskStatus.CANCELED,
          List.of());

  static Stream<Arguments> every_pair() {
    return Arrays.stream(TaskStatus.values())
        .flatMap(from -> Arrays.stream(TaskStatus.values()).map(to -> Arguments.of(from, to)));
  }

  @ParameterizedTest
  @MethodSource("every_pair")
  void a_task_moves_only_forward(TaskStatus from, TaskStatus to) {
    assertEquals(MOVES.get(from).contains(to), from.accepts(to));
  }
}
