package io.klingtracker.tenant;

import com.github.benmanes.caffeine.cache.Cache;
import io.klingtracker.cache.Caches;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Secrets;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Sessions of the console. A key is exchanged for a random id in a cookie; the row behind it names
 * the key, so that whatever ends the key ends the session within {@code tracker.keys.cache}.
 */
@ApplicationScoped
public class ConsoleSessions {

  /** The cookie that has the id. */
  public static final String COOKIE = "ktt-session";

  /** A session that nobody uses ends after this … */
  public static final Duration IDLE = Duration.ofHours(1);

  /** … and any after this. */
  public static final Duration LIFE = Duration.ofHours(12);

  /** Sessions of one key at a time; the oldest ends for a new one. */
  static final int PER_KEY = 50;

  /** Sign-ins that fail, a minute and address, before the next have to wait. */
  static final int MAX_FAILURES = 20;

  /** A link that signs in is good for so long. */
  static final Duration LINK_LIFE = Duration.ofMinutes(30);

  private static final int CACHED = 10_000;
  private static final int ID_BYTES = 24;

  /** Longer texts are no id of ours. */
  private static final int MAX_ID = 128;

  private static final String ID_PURPOSE = "console-session";
  private static final String FORM_PURPOSE = "console-form";

  private final ConsoleSessionStore store;
  private final KeyAuthenticator authenticator;
  private final Secrets secrets;
  private final Clock clock;
  private final FailedKeys failures;
  private final Cache<String, Optional<ConsoleSessionStore.Row>> known;
  private final AtomicReference<@Nullable Link> link = new AtomicReference<>();
  private final SecureRandom random = new SecureRandom();

  private record Link(String token, String key, Instant until) {}

  @Inject
  ConsoleSessions(
      ConsoleSessionStore store,
      KeyAuthenticator authenticator,
      Secrets secrets,
      TenantConfig config,
      Clock clock) {
    this.store = store;
    this.authenticator = authenticator;
    this.secrets = secrets;
    this.clock = clock;
    this.failures = new FailedKeys(clock, 1, MAX_FAILURES);
    this.known = Caches.afterWrite(CACHED, config.keys().cache(), clock);
  }

  /**
   * Exchanges a key for a session.
   *
   * @param address from where, by which failures are counted
   * @return the id for the cookie
   * @throws ProblemException when the key is nobody's or suspended, or too many have failed
   */
  public String signIn(String key, String address) {
    String network = FailedKeys.network(address);
    Duration wait = failures.wait(network);
    if (wait != null) {
      throw new ProblemException(
          ErrorCode.RATE_LIMITED,
          "too many keys from this address have failed; wait a minute",
          wait);
    }
    byte[] hash = KeyFormat.hash(key.strip());
    boolean admin = authenticator.isAdmin(key.strip(), hash);
    Optional<Caller> caller = authenticator.byHash(admin, key.strip(), hash);
    if (caller.isEmpty()) {
      failures.failed(network);
      throw new ProblemException(
          ErrorCode.AUTHORIZATION_INVALID, "the key is unknown, expired or revoked");
    }
    caller.get().notSuspended();
    String id = newId();
    Instant now = clock.instant();
    store.open(
        new ConsoleSessionStore.Row(hash, admin, now), KeyFormat.hash(id), now.plus(LIFE), PER_KEY);
    return id;
  }

  /** Ends a session; on other replicas within {@code tracker.keys.cache}. */
  public void signOut(String id) {
    store.close(KeyFormat.hash(id));
    known.invalidate(id);
  }

  /**
   * A link's token with which one reader signs in once, without a key. Of this process alone, and
   * the newest alone.
   */
  public String oneTimeToken(String key) {
    Link made = new Link(newId(), key, clock.instant().plus(LINK_LIFE));
    link.set(made);
    return made.token();
  }

  /** The session for a link's token; empty when it is not that of an unused link. */
  public Optional<String> signInOnce(String token, String address) {
    Link made = link.get();
    if (made == null
        || !made.token().equals(token)
        || clock.instant().isAfter(made.until())
        || !link.compareAndSet(made, null)) {
      return Optional.empty();
    }
    return Optional.of(signIn(made.key(), address));
  }

  /** What every form of a session's pages carries: no other site knows it. */
  public String formToken(ConsoleSession session) {
    return secrets.token(FORM_PURPOSE, session.id());
  }

  /**
   * Refuses a change that does not come from a form of the session's pages.
   *
   * @throws ProblemException then
   */
  public void checkForm(ConsoleSession session, @Nullable String token) {
    if (token == null || !secrets.isToken(FORM_PURPOSE, session.id(), token)) {
      throw new ProblemException(
          ErrorCode.FORBIDDEN, "this form is not of your session; load its page again");
    }
  }

  /** The session and its caller. */
  record Entered(ConsoleSession session, Caller caller) {}

  /**
   * Who has this cookie.
   *
   * @param tenant whose pages an administrator looks at; means nothing for others
   * @return empty when there is no such session any more
   * @throws ProblemException when its key is suspended, or there is no such tenant
   */
  Optional<Entered> enter(String id, @Nullable String tenant) {
    if (!isId(id)) {
      return Optional.empty();
    }
    ConsoleSessionStore.Row row = find(id);
    if (row == null) {
      return Optional.empty();
    }
    ConsoleSession session = new ConsoleSession(id, row.admin());
    return authenticator
        .byHash(row.admin(), null, row.keyHash())
        .map(Caller::notSuspended)
        .map(caller -> new Entered(session, row.admin() ? of(caller, tenant) : caller));
  }

  private ConsoleSessionStore.@Nullable Row find(String id) {
    Instant now = clock.instant();
    Optional<ConsoleSessionStore.Row> cached = known.getIfPresent(id);
    ConsoleSessionStore.Row row =
        cached != null
            ? cached.orElse(null)
            : store.find(KeyFormat.hash(id), now, now.minus(IDLE)).orElse(null);
    if (cached == null) {
      known.put(id, Optional.ofNullable(row));
    }
    return row;
  }

  /** An administrator on a tenant's pages may do what the tenant's keys may. */
  private Caller of(Caller admin, @Nullable String tenant) {
    if (tenant == null || tenant.isEmpty()) {
      return admin;
    }
    Caller settings =
        authenticator
            .tenant(tenant)
            .orElseThrow(
                () -> new ProblemException(ErrorCode.NOT_FOUND, "there is no such tenant"));
    return new Caller(
        admin.key(),
        admin.name(),
        settings.tenant(),
        Scope.ALL,
        null,
        null,
        settings.quota(),
        settings.models(),
        settings.trackAccounts(),
        null,
        null,
        admin.expiresAt());
  }

  /** Made-up ids are refused without asking the database. */
  private boolean isId(String id) {
    int dot = id.indexOf('.');
    return id.length() <= MAX_ID
        && dot > 0
        && secrets.isToken(ID_PURPOSE, id.substring(0, dot), id.substring(dot + 1));
  }

  private String newId() {
    byte[] bytes = new byte[ID_BYTES];
    random.nextBytes(bytes);
    String text = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    return text + "." + secrets.token(ID_PURPOSE, text);
  }
}
