package io.klingtracker.faults;

import io.klingtracker.local.EmbeddedPostgresServer;
import io.klingtracker.local.ServiceProcess;
import io.klingtracker.simulator.Ledger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One database, its topic, and the service's replicas on it; the honest tenant lives here. */
final class Installation implements AutoCloseable {

  /** Guards nothing but a run on loopback. */
  static final String SECRET = "faults-tracker-secret-0123456789abcdef0123456789";

  static final String ADMIN_KEY = "faults-admin-key-0123456789abcdef";
  static final Tenant HONEST = new Tenant("honest", "sk-faults-honest-0123456789abcdef");

  /** Few enough that what takes all of them is soon seen. */
  static final int MAX_PARALLEL = 50;

  static final int MAX_WATCHERS = 400;
  private static int count;

  private final Servers servers;
  private final Sql sql;
  private final TopicLedger topic;
  private final ClientLedger clients = new ClientLedger();
  private final List<ServiceProcess> replicas = new ArrayList<>();
  private final @Nullable TcpProxy front;
  private final Calls calls = new Calls();
  private int tenants;

  /**
   * Makes a fresh one and starts it.
   *
   * @param size replicas; more than one run behind a proxy that deals connections out
   */
  Installation(Servers servers, Run run, int size) {
    this(servers, run, size, embedded(servers));
  }

  /**
   * Makes a fresh one on a database of the caller's and starts it.
   *
   * @param size as above
   */
  Installation(Servers servers, Run run, int size, Place place) {
    this.servers = servers;
    servers.reset();
    String name = place.name();
    topic = new TopicLedger(servers.kafka().bootstrapServers(), name);
    Map<String, String> config = config(name);
    config.put("quarkus.datasource.jdbc.url", place.jdbcUrl());
    config.putAll(place.settings());
    config.putAll(Run.ENVIRONMENT);
    for (int i = 0; i < size; i++) {
      replicas.add(new ServiceProcess(config).jar(run.jar()).jvm(Run.JVM));
    }
    front = size > 1 ? new TcpProxy(replicas.stream().map(ServiceProcess::port).toList()) : null;
    if (front != null) {
      replicas.forEach(
          replica -> replica.with("tracker.public-url", "http://localhost:" + front.port()));
    }
    replicas.forEach(ServiceProcess::launch);
    replicas.forEach(ServiceProcess::awaitReady);
    sql = new Sql(place.jdbcUrl());
  }

  /**
   * Where an installation keeps its tasks.
   *
   * @param name of its topics; no two of a run share one
   * @param jdbcUrl of its empty database, for the ledgers, and for the service unless settings name
   *     another way there
   * @param settings of the service, over those of every row
   */
  record Place(String name, String jdbcUrl, Map<String, String> settings) {

    /** A place with a name of its own. */
    static Place at(String jdbcUrl, Map<String, String> settings) {
      return new Place(newName(), jdbcUrl, settings);
    }
  }

  private static Place embedded(Servers servers) {
    String name = newName();
    servers.postgres().ensureDatabase(name);
    return new Place(name, servers.postgres().jdbcUrl(name), Map.of());
  }

  private static String newName() {
    return "faults_" + ++count;
  }

  private Map<String, String> config(String name) {
    Map<String, String> config = new HashMap<>();
    config.put("quarkus.datasource.username", EmbeddedPostgresServer.USER);
    config.put("quarkus.datasource.password", "");
    config.put("kafka.bootstrap.servers", servers.kafka().bootstrapServers());
    config.put("tracker.events.topic", name);
    config.put("tracker.events.state.topic", name + ".state");
    config.put("tracker.webhook.host-topic", name + ".hosts");
    account(config, "default", servers.plain().url());
    account(config, "signed", servers.signing().url());
    config.put("kling.accounts.signed.webhook-secrets", Servers.KLING_WEBHOOK_SECRET);
    config.put("kling.result-hosts", "localhost");
    config.put("tracker.check.first", "3s");
    // What attackers have tracked ends too, before a long run does.
    config.put("tracker.expire-after", "3m");
    config.put("tracker.secret", SECRET);
    config.put("tracker.admin-key", ADMIN_KEY);
    config.put("tracker.bootstrap.tenant", HONEST.id());
    config.put("tracker.bootstrap.api-key", HONEST.apiKey());
    config.put("tracker.bootstrap.webhook-secret", Servers.WEBHOOK_SECRET);
    config.put("tracker.webhook.allow-private", "true");
    // Off by default; row 53 attacks with it.
    config.put("quarkus.http.http2", "true");
    config.put("tracker.watch.max-watchers", Integer.toString(MAX_WATCHERS));
    return config;
  }

  private static void account(Map<String, String> config, String name, String url) {
    String prefix = "kling.accounts." + name + ".";
    config.put(prefix + "base-url", url);
    config.put(prefix + "access-key", Servers.KLING_ACCESS_KEY);
    config.put(prefix + "secret-key", Servers.KLING_SECRET_KEY);
    config.put(prefix + "api-key", Servers.KLING_API_KEY);
    config.put(prefix + "max-parallel", Integer.toString(MAX_PARALLEL));
  }

  Servers servers() {
    return servers;
  }

  Sql sql() {
    return sql;
  }

  TopicLedger topic() {
    return topic;
  }

  ClientLedger clients() {
    return clients;
  }

  Calls calls() {
    return calls;
  }

  List<ServiceProcess> replicas() {
    return replicas;
  }

  /** The only replica, or the first. */
  ServiceProcess service() {
    return replicas.get(0);
  }

  int port() {
    return service().port();
  }

  /** Of one of the replicas in turn. */
  String url(int turn) {
    return replicas.get(Math.floorMod(turn, replicas.size())).url();
  }

  String url() {
    return service().url();
  }

  /** Whether every replica still is the process that was started. */
  boolean isAlive() {
    return replicas.stream().allMatch(ServiceProcess::isAlive);
  }

  /**
   * Another tenant, with a key that no rate bounds; {@code default} and {@code signed} are granted.
   */
  Tenant tenant(String name) {
    return tenant(name, "");
  }

  /**
   * The same with more settings of the tenant.
   *
   * @param more JSON members, each with a comma before it
   */
  Tenant tenant(String name, String more) {
    String id = name + "-" + ++tenants;
    String body =
        "{\"id\":\"%s\",\"name\":\"%s\",\"track_accounts\":[\"default\",\"signed\"]%s}"
            .formatted(id, id, more);
    Calls.Answer made = calls.post(url() + "/admin/v1/tenants", ADMIN_KEY, body);
    if (made.status() == 400) {
      // A build from before tracking was granted, which knows no such field.
      made =
          calls.post(
              url() + "/admin/v1/tenants",
              ADMIN_KEY,
              body.replaceFirst(",\"track_accounts\":\\[[^]]*]", ""));
    }
    if (made.status() != 201) {
      throw new IllegalStateException("tenant " + id + ": " + made);
    }
    return key(new Tenant(id, ""), "\"submit\",\"read\",\"webhooks\"");
  }

  /**
   * The tenant with another key.
   *
   * @param scopes JSON texts, separated by commas
   */
  Tenant key(Tenant tenant, String scopes) {
    Calls.Answer key =
        calls.post(
            url() + "/admin/v1/tenants/" + tenant.id() + "/keys",
            ADMIN_KEY,
            "{\"name\":\"one\",\"scopes\":[%s]}".formatted(scopes));
    if (key.status() != 201) {
      throw new IllegalStateException("key of " + tenant.id() + ": " + key);
    }
    return new Tenant(tenant.id(), key.json().path("api_key").asText());
  }

  /** Every create that either Kling accepted. */
  List<Ledger.Create> creates() {
    return servers.klings().stream()
        .flatMap(kling -> kling.ledger().creates(create -> true).stream())
        .toList();
  }

  /** Every callback that either Kling sent. */
  List<Ledger.Callback> callbacks() {
    return servers.klings().stream()
        .flatMap(kling -> kling.ledger().callbacks(callback -> true).stream())
        .toList();
  }

  /** What must not be in any log, event or answer to a stranger. */
  List<String> secrets() {
    return Stream.of(
            SECRET,
            ADMIN_KEY,
            HONEST.apiKey(),
            Servers.WEBHOOK_SECRET,
            Servers.KLING_API_KEY,
            Servers.KLING_SECRET_KEY,
            Servers.KLING_WEBHOOK_SECRET)
        .toList();
  }

  @Override
  public void close() {
    calls.close();
    sql.close();
    replicas.forEach(ServiceProcess::close);
    if (front != null) {
      front.close();
    }
    topic.close();
  }
}
