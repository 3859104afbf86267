package io.klingtracker.secret;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * The two steps of a rotation as operations.md has them, at each moment of their way over the
 * replicas: what one replica makes, every other takes.
 */
class RotationTest {

  private static final String OLD = "old-0123456789abcdef0123456789abcdef";
  private static final String NEW = "new-0123456789abcdef0123456789abcdef";

  private static final Secrets BEFORE = new Secrets(OLD, List.of());
  private static final Secrets STEP_1 = new Secrets(OLD, List.of(NEW));
  private static final Secrets STEP_2 = new Secrets(NEW, List.of(OLD));
  private static final Secrets AFTER = new Secrets(NEW, List.of());

  @Test
  void every_replica_takes_what_another_makes_at_each_moment() {
    List<Secrets> way = List.of(BEFORE, STEP_1, STEP_2);
    for (int i = 0; i < way.size(); i++) {
      assertTakes(way.get(i), way.get(i));
      if (i > 0) {
        assertTakes(way.get(i), way.get(i - 1));
        assertTakes(way.get(i - 1), way.get(i));
      }
    }
  }

  @Test
  void in_one_step_a_replica_that_comes_later_would_refuse() {
    assertFalse(BEFORE.isToken("callback-token", "t", STEP_2.token("callback-token", "t")));
    byte[] sealed = STEP_2.seal(new byte[1]);
    assertThrows(IllegalStateException.class, () -> BEFORE.open(sealed));
  }

  @Test
  void uses_of_a_previous_secret_are_counted() {
    Secrets rotating = new Secrets(NEW, List.of(OLD));
    assertTrue(rotating.isToken("callback-token", "t", AFTER.token("callback-token", "t")));
    assertFalse(rotating.isToken("callback-token", "t", "forged"));
    assertEquals(0, rotating.previousUses());
    assertTrue(rotating.isToken("callback-token", "t", BEFORE.token("callback-token", "t")));
    assertEquals(1, rotating.previousUses());
  }

  private static void assertTakes(Secrets taker, Secrets maker) {
    assertTrue(taker.isToken("callback-token", "t", maker.token("callback-token", "t")));
    assertFalse(taker.isToken("callback-token", "t", maker.token("callback-token", "other")));
    String cursor = new Cursors(maker).seal("tasks", "acme", "17");
    assertEquals(Optional.of("17"), new Cursors(taker).open("tasks", "acme", cursor));
    assertEquals(Optional.empty(), new Cursors(taker).open("tasks", "other", cursor));
    byte[] plain = "secret".getBytes(StandardCharsets.UTF_8);
    assertArrayEquals(plain, taker.open(maker.seal(plain)));
    assertTrue(
        taker.deriveAll("webhook-ed25519").stream()
            .anyMatch(key -> java.util.Arrays.equals(key, maker.derive("webhook-ed25519"))));
  }
}
