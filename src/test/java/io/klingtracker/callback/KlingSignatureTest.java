package io.klingtracker.callback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Kling's official test vector, and what must not pass. */
class KlingSignatureTest {

  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
  private static final String ID = "9876543210";
  private static final String TIMESTAMP = "1781080794";
  private static final String RIGHT = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=";
  private static final byte[] BODY =
      """
      {"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}"""
          .getBytes(StandardCharsets.UTF_8);
  private static final Instant NOW = Instant.ofEpochSecond(1781080794);

  private final KlingSignature signature = new KlingSignature(List.of("whsec_b3RoZXI=", SECRET));

  @Test
  void the_official_vector_passes() {
    assertTrue(signature.proves(ID, TIMESTAMP, RIGHT, BODY, NOW));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        RIGHT + " v1,AAAA",
        "v1,AAAA " + RIGHT,
        "v2,xyz v1a,k " + RIGHT,
      })
  void any_part_may_match(String parts) {
    assertTrue(signature.proves(ID, TIMESTAMP, parts, BODY, NOW));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "v1,",
        "v1",
        "UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
        "v2,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
        "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ5=",
        "v1,uskljp00xoqyon410nm9xv34sp+gl0jnoo9lcpr7nj4=",
      })
  void nothing_else_passes(String parts) {
    assertFalse(signature.proves(ID, TIMESTAMP, parts, BODY, NOW));
  }

  @ParameterizedTest
  @CsvSource({"0,true", "300,true", "-300,true", "301,false", "-301,false", "86400,false"})
  void the_timestamp_must_be_near(long offset, boolean passes) {
    assertEquals(passes, signature.proves(ID, TIMESTAMP, RIGHT, BODY, NOW.plusSeconds(offset)));
  }

  @Test
  void what_is_missing_or_changed_does_not_pass() {
    assertFalse(signature.proves(null, TIMESTAMP, RIGHT, BODY, NOW));
    assertFalse(signature.proves(ID, null, RIGHT, BODY, NOW));
    assertFalse(signature.proves(ID, TIMESTAMP, null, BODY, NOW));
    assertFalse(signature.proves("1", TIMESTAMP, RIGHT, BODY, NOW));
    assertFalse(signature.proves(ID, "1781080795", RIGHT, BODY, NOW));
    assertFalse(signature.proves(ID, "99999999999999999999", RIGHT, BODY, NOW));
    assertFalse(signature.proves(ID, TIMESTAMP, RIGHT, "{}".getBytes(StandardCharsets.UTF_8), NOW));
  }

  @Test
  void a_secret_in_another_form_is_refused_at_the_start() {
    assertThrows(IllegalArgumentException.class, () -> new KlingSignature(List.of("dGVzdA==")));
  }
}
