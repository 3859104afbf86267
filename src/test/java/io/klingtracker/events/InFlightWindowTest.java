package io.klingtracker.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.events.OutboxMessage.Kind;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InFlightWindowTest {

  private static final int LANE = 7;

  private final InFlightWindow window = new InFlightWindow();

  @Test
  void an_answer_to_what_was_let_go_of_moves_nothing_on() {
    OutboxMessage before = record(1);
    window.add(List.of(before));
    assertSame(before, window.send(0));
    window.drop(before.queue());
    OutboxMessage again = record(1);
    OutboxMessage next = record(2);
    window.add(List.of(again, next));
    assertSame(again, window.send(0));

    window.acknowledged(before);
    window.failed(before, 0);

    assertNull(window.send(0), "one of a key at a time");
    window.acknowledged(again);
    assertSame(next, window.send(0));
    window.acknowledged(next);
    window.settled(List.of(again, next));
    assertTrue(window.isQuiet(LANE));
  }

  @Test
  void what_cannot_be_deleted_keeps_no_lane() {
    OutboxMessage stuck = record(1);
    OutboxMessage other = record(2);
    window.add(List.of(stuck, other));
    window.send(0);
    window.acknowledged(stuck);
    window.stuck(stuck);

    assertFalse(window.isQuiet(LANE), "the other is under way");
    window.send(0);
    window.acknowledged(other);
    window.settled(List.of(other));
    assertTrue(window.isQuiet(LANE));
    assertEquals(List.of(1L), window.known(), "not to be read again");
  }

  private static OutboxMessage record(long id) {
    return new OutboxMessage(
        Kind.RECORD,
        false,
        LANE,
        id,
        "acme/a",
        0,
        null,
        null,
        null,
        Map.of(),
        "hosts",
        "{}",
        10,
        null);
  }
}
