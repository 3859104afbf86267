package io.klingtracker.secret;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Optional;

/**
 * Cursors of lists and feeds: a position that its reader cannot make, change or lend to another
 * tenant.
 */
@Singleton
public class Cursors {

  private static final int MAX_LENGTH = 512;

  private final Secrets secrets;

  @Inject
  public Cursors(Secrets secrets) {
    this.secrets = secrets;
  }

  /**
   * A cursor.
   *
   * @param list which list or feed it belongs to
   * @param tenant whose it is
   * @param position what is needed to continue
   */
  public String seal(String list, String tenant, String position) {
    String text =
        Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString(position.getBytes(StandardCharsets.UTF_8));
    return text + "." + secrets.token(purpose(list), subject(tenant, position));
  }

  /** The position; empty when the cursor was not sealed for this list and tenant. */
  public Optional<String> open(String list, String tenant, String cursor) {
    int dot = cursor.indexOf('.');
    if (dot < 0 || cursor.length() > MAX_LENGTH) {
      return Optional.empty();
    }
    try {
      String position =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Base64.getUrlDecoder().decode(cursor.substring(0, dot))))
              .toString();
      return secrets.isToken(purpose(list), subject(tenant, position), cursor.substring(dot + 1))
          ? Optional.of(position)
          : Optional.empty();
    } catch (IllegalArgumentException | CharacterCodingException e) {
      return Optional.empty();
    }
  }

  private static String purpose(String list) {
    return "cursor/" + list;
  }

  private static String subject(String tenant, String position) {
    return tenant + "/" + position;
  }
}
