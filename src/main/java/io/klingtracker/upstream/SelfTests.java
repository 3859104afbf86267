package io.klingtracker.upstream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * The last self-test of each account, and the last test callback for it. Kling's console sends test
 * callbacks to one URL for an account, where our others are a task's: its name takes the place of a
 * task's id there.
 */
@Singleton
public class SelfTests {

  /** No task's id begins like this. */
  private static final String SUBJECT = "self-test-";

  private static final String SAVE =
      """
      insert into account_self_test (account, at, checks) values (:account, :at, cast(:checks as json))
      on conflict (account) do update set at = excluded.at, checks = excluded.checks
      """;

  private static final String RECEIVED =
      """
      insert into account_self_test (account, callback_at, callback_ok, callback_detail)
      values (:account, :at, :ok, :detail)
      on conflict (account) do update
        set callback_at = excluded.callback_at, callback_ok = excluded.callback_ok,
          callback_detail = excluded.callback_detail
      """;

  private static final String FIND =
      """
      select at, checks::text as checks, callback_at, callback_ok, callback_detail from account_self_test
      where account = :account
      """;

  private final Jdbi jdbi;
  private final ObjectMapper json;
  private final CallbackTarget target;

  /** Takes what it needs. */
  @Inject
  public SelfTests(Jdbi jdbi, ObjectMapper json, CallbackTarget target) {
    this.jdbi = jdbi;
    this.json = json;
    this.target = target;
  }

  /**
   * One thing that was looked at.
   *
   * @param detail for people
   */
  public record Check(String name, boolean ok, String detail) {}

  /**
   * What is known of an account.
   *
   * @param at when it was tested; null when it never was
   * @param callbackAt when the last test callback came; null when none did
   */
  public record State(
      @Nullable Instant at,
      List<Check> checks,
      @Nullable Instant callbackAt,
      boolean callbackOk,
      String callbackDetail) {

    static final State NONE = new State(null, List.of(), null, false, "");
  }

  /** The URL for an account's test callbacks. */
  public String callbackUrl(String account) {
    return target.url(SUBJECT + account);
  }

  /** The account whose test callback has this in the place of a task's id; empty for a task's. */
  public static Optional<String> account(String subject) {
    return subject.startsWith(SUBJECT)
        ? Optional.of(subject.substring(SUBJECT.length()))
        : Optional.empty();
  }

  /** Keeps what a test has found. */
  public void save(String account, Instant at, List<Check> checks) {
    String written;
    try {
      written = json.writeValueAsString(checks);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("texts can be written", e);
    }
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(SAVE)
                .bind("account", account)
                .bind("at", at)
                .bind("checks", written)
                .execute());
  }

  /**
   * Keeps what a test callback was like.
   *
   * @param detail at most 2,048 bytes
   */
  public void received(String account, Instant at, boolean ok, String detail) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(RECEIVED)
                .bind("account", account)
                .bind("at", at)
                .bind("ok", ok)
                .bind("detail", detail)
                .execute());
  }

  /** What is known of an account. */
  public State of(String account) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(FIND)
                .bind("account", account)
                .map((row, context) -> state(row))
                .findOne()
                .orElse(State.NONE));
  }

  private State state(ResultSet row) throws SQLException {
    String checks = row.getString("checks");
    try {
      return new State(
          time(row.getTimestamp("at")),
          checks == null
              ? List.of()
              : List.copyOf(json.readValue(checks, new TypeReference<ArrayList<Check>>() {})),
          time(row.getTimestamp("callback_at")),
          row.getBoolean("callback_ok"),
          row.getString("callback_detail") == null ? "" : row.getString("callback_detail"));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("what was written here can be read", e);
    }
  }

  private static @Nullable Instant time(@Nullable Timestamp time) {
    return time == null ? null : time.toInstant();
  }
}
