package io.klingtracker.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class SignatureTest {

  private static final String SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
  private static final String BODY =
      "{\"id\":\"1234567890\",\"status\":\"succeeded\",\"message\":\"\","
          + "\"create_time\":1781080778802,\"update_time\":1781080794151}";
  private static final String SIGNED = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=";

  @Test
  void is_that_of_klings_test_vector() {
    assertEquals(SIGNED, Signature.of(List.of(SECRET), "9876543210", 1781080794, BODY));
  }

  @Test
  void has_a_part_for_each_secret_of_a_rotation() {
    assertEquals(
        SIGNED + " " + SIGNED,
        Signature.of(List.of(SECRET, SECRET), "9876543210", 1781080794, BODY));
  }
}
