package io.klingtracker.kling;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.catalog.AnswerTable;
import io.klingtracker.text.ForeignText;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.PemTrustOptions;
import io.vertx.core.net.ProxyOptions;
import io.vertx.core.net.ProxyType;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jspecify.annotations.Nullable;

/**
 * {@link KlingClient} over HTTP/1.1 on Vert.x: no thread waits, redirects are not followed, answers
 * are bounded.
 */
@Singleton
class HttpKlingClient implements KlingClient, KlingBilling {

  /** Of a proxy whose URL has none, as HTTP has it. */
  private static final int DEFAULT_PROXY_PORT = 80;

  private final Vertx vertx;
  private final KlingConfig config;
  private final HttpClient http;
  private final String userAgent;
  private final Clock clock;
  private final Map<String, KlingToken> tokens = new ConcurrentHashMap<>();

  /** Of the network's own words about a failure, in bytes. */
  /** Calls that may wait for a connection; more fail at once, unsent. */
  private static final int WAIT_QUEUE = 1_000;

  /** Largest answer that is read, in bytes: a page of 500 tasks has a tenth of it. */
  static final int MAX_ANSWER = 4 * 1024 * 1024;

  private static final int MAX_REASON = 500;

  /** The request never got a connection. */
  private static final class NotConnected extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NotConnected(Throwable cause) {
      super(reason(cause), null, false, false);
    }
  }

  @Inject
  HttpKlingClient(
      Vertx vertx,
      KlingConfig config,
      Clock clock,
      @ConfigProperty(name = "quarkus.application.version") String version) {
    this.vertx = vertx;
    this.config = config;
    this.clock = clock;
    this.userAgent = "kling-task-tracker/" + version;
    this.http =
        vertx.createHttpClient(
            options(config), new PoolOptions().setHttp1MaxSize(config.http().poolSize()));
    config.accounts().forEach((name, account) -> tokens.put(name, new KlingToken(account, clock)));
  }

  private static HttpClientOptions options(KlingConfig config) {
    HttpClientOptions options =
        new HttpClientOptions()
            .setConnectTimeout((int) config.timeout().connect().toMillis())
            .setKeepAlive(true)
            .setKeepAliveTimeout(30)
            .setMaxWaitQueueSize(WAIT_QUEUE)
            .setDecompressionSupported(true)
            .setMaxHeaderSize(16 * 1024);
    config.proxy().ifPresent(proxy -> options.setProxyOptions(proxyOptions(proxy)));
    config
        .trustedCertificates()
        .ifPresent(
            file -> options.setTrustOptions(new PemTrustOptions().addCertPath(file.toString())));
    return options;
  }

  private static ProxyOptions proxyOptions(URI proxy) {
    ProxyOptions options =
        new ProxyOptions()
            .setType(ProxyType.HTTP)
            .setHost(proxy.getHost())
            .setPort(proxy.getPort() < 0 ? DEFAULT_PROXY_PORT : proxy.getPort());
    // Decoded by URI, so that a password may have any character.
    String user = proxy.getUserInfo();
    if (user != null) {
      int colon = user.indexOf(':');
      options
          .setUsername(colon < 0 ? user : user.substring(0, colon))
          .setPassword(colon < 0 ? "" : user.substring(colon + 1));
    }
    return options;
  }

  @PreDestroy
  void close() {
    http.close();
  }

  @Override
  public CompletionStage<CreateAnswer> create(
      String account, String path, String body, Instant notAfter) {
    return call(account, HttpMethod.POST, path, Buffer.buffer(body), notAfter)
        .map(answer -> AnswerReader.create(answer, sent(account, path)))
        .otherwise(
            failure ->
                failure instanceof NotConnected
                    ? new CreateAnswer.NotSent(reason(failure))
                    : new CreateAnswer.Unknown(reason(failure)))
        .toCompletionStage();
  }

  @Override
  public CompletionStage<QueryAnswer> query(String account, String path) {
    return call(account, HttpMethod.GET, path, null, Instant.MAX)
        .map(AnswerReader::query)
        .otherwise(failure -> new QueryAnswer.NoAnswer(reason(failure)))
        .toCompletionStage();
  }

  @Override
  public CompletionStage<PassthroughAnswer> forward(
      String account, String path, @Nullable String body) {
    HttpMethod method = body == null ? HttpMethod.GET : HttpMethod.POST;
    return call(account, method, path, body == null ? null : Buffer.buffer(body), Instant.MAX)
        .<PassthroughAnswer>map(
            answer -> {
              Integer code = answer.code();
              return new PassthroughAnswer.Answered(
                  answer.status(), code == null ? -1 : code, answer.body().getBytes());
            })
        .otherwise(failure -> new PassthroughAnswer.NoAnswer(reason(failure)))
        .toCompletionStage();
  }

  @Override
  public CompletionStage<ListAnswer> page(String account, String path, int page) {
    return list(account, path + "?pageNum=" + page + "&pageSize=" + KlingClient.PAGE);
  }

  @Override
  public CompletionStage<ListAnswer> tasks(String account, Collection<String> ids) {
    return list(account, "/tasks?task_ids=" + joined(ids));
  }

  @Override
  public CompletionStage<ListAnswer> tasksByExternalId(String account, Collection<String> ids) {
    return list(account, "/tasks?external_task_ids=" + joined(ids));
  }

  @Override
  public CompletionStage<ListAnswer> created(
      String account, Instant from, Instant to, @Nullable String after) {
    ObjectNode page = JsonNodeFactory.instance.objectNode().put("limit", KlingClient.PAGE);
    if (after == null) {
      page.put("start_time", from.toEpochMilli()).put("end_time", to.toEpochMilli());
    } else {
      page.put("cursor", after);
    }
    return list(account, HttpMethod.POST, "/tasks", Buffer.buffer(page.toString()));
  }

  @Override
  public CompletionStage<Reply<List<Pack>>> packs(String account, Instant from, Instant to) {
    String path =
        "/account/costs?start_time=" + from.toEpochMilli() + "&end_time=" + to.toEpochMilli();
    return ask(account, HttpMethod.GET, path, null, BillingAnswers::packs);
  }

  @Override
  public CompletionStage<Reply<Boolean>> pair(String account) {
    String path = "/v1/videos/text2video?pageNum=1&pageSize=1";
    return ask(account, HttpMethod.GET, path, null, body -> true);
  }

  @Override
  public CompletionStage<Reply<Page>> deductions(
      String account, Ledger ledger, Instant from, Instant to, @Nullable String after) {
    ObjectNode page = JsonNodeFactory.instance.objectNode();
    if (after == null) {
      page.put("start_time", from.toEpochMilli())
          .put("end_time", to.toEpochMilli())
          .put("limit", KlingClient.PAGE);
    } else {
      page.put("cursor", after);
    }
    return ask(
        account,
        HttpMethod.POST,
        ledger.path(),
        Buffer.buffer(page.toString()),
        body -> BillingAnswers.page(body, ledger));
  }

  private <T> CompletionStage<Reply<T>> ask(
      String account,
      HttpMethod method,
      String path,
      @Nullable Buffer body,
      Function<JsonNode, @Nullable T> read) {
    return call(account, method, path, body, Instant.MAX)
        .map(
            answer -> {
              JsonNode document = answer.document();
              Integer code = answer.code();
              return new Reply<T>(
                  answer.status(),
                  code,
                  answer.message(),
                  answer.date(),
                  document != null && code != null && code == 0 ? read.apply(document) : null);
            })
        .otherwise(failure -> new Reply<>(null, null, reason(failure), null, null))
        .toCompletionStage();
  }

  @Override
  public boolean takesIds(String account) {
    KlingConfig.Account settings = config.accounts().get(account);
    return settings != null && settings.apiKey().isPresent();
  }

  private static String joined(Collection<String> ids) {
    return ids.stream()
        .map(id -> URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20"))
        .collect(Collectors.joining(","));
  }

  private CompletionStage<ListAnswer> list(String account, String path) {
    return list(account, HttpMethod.GET, path, null);
  }

  private CompletionStage<ListAnswer> list(
      String account, HttpMethod method, String path, @Nullable Buffer body) {
    return call(account, method, path, body, Instant.MAX)
        .map(AnswerReader::list)
        .otherwise(failure -> new ListAnswer.NoAnswer(reason(failure)))
        .toCompletionStage();
  }

  private Credential sent(String account, String path) {
    KlingToken token = tokens.get(account);
    return token == null ? Credential.API_KEY : token.credential(path);
  }

  /** One call, repeated once with a fresh token when Kling does not take the token. */
  private Future<KlingAnswer> call(
      String account, HttpMethod method, String path, @Nullable Buffer body, Instant notAfter) {
    KlingToken token = tokens.get(account);
    KlingConfig.Account settings = config.accounts().get(account);
    if (token == null || settings == null) {
      return Future.failedFuture(
          new NotConnected(new IOException("account " + account + " is not configured any more")));
    }
    return exchange(settings.baseUrl(), token, method, path, body, notAfter)
        .compose(
            answer -> {
              return answer.row().about() == AnswerTable.About.CREDENTIAL && token.renew(path)
                  ? exchange(settings.baseUrl(), token, method, path, body, notAfter)
                  : Future.succeededFuture(answer);
            });
  }

  private Future<KlingAnswer> exchange(
      URI base,
      KlingToken token,
      HttpMethod method,
      String path,
      @Nullable Buffer body,
      Instant notAfter) {
    String root = base.toString().replaceAll("/+$", "");
    RequestOptions options =
        new RequestOptions()
            .setMethod(method)
            .setAbsoluteURI(root + path)
            .setFollowRedirects(false)
            .setConnectTimeout(config.timeout().connect().toMillis())
            .setIdleTimeout(config.timeout().read().toMillis())
            .putHeader("Authorization", "Bearer " + token.value(path))
            .putHeader("Content-Type", "application/json")
            .putHeader("Accept", "application/json")
            .putHeader("User-Agent", userAgent);
    return http.request(options)
        .recover(failure -> Future.failedFuture(new NotConnected(failure)))
        .compose(
            request -> {
              // Failures come with the answer's future; unheard they would be logged as errors.
              request.exceptionHandler(ignored -> {});
              if (clock.instant().isAfter(notAfter)) {
                // We were held up; whoever took the work over must not meet this request at Kling.
                request.reset();
                return Future.failedFuture(
                    new NotConnected(new IOException("the time to send it was over")));
              }
              return send(request, body);
            });
  }

  private Future<KlingAnswer> send(HttpClientRequest request, @Nullable Buffer body) {
    // The idle time-out alone would let an answer trickle for ever; this bounds the whole exchange.
    long limit = config.timeout().read().toMillis() * 2;
    long timer =
        vertx.setTimer(
            limit,
            id -> request.reset(0, new TimeoutException("no whole answer in " + limit + " ms")));
    Future<HttpClientResponse> response = body == null ? request.send() : request.send(body);
    return response.compose(this::read).onComplete(done -> vertx.cancelTimer(timer));
  }

  private Future<KlingAnswer> read(HttpClientResponse response) {
    io.vertx.core.Promise<KlingAnswer> answer = io.vertx.core.Promise.promise();
    Buffer body = Buffer.buffer();
    response.exceptionHandler(answer::tryFail);
    response.handler(
        part -> {
          if (body.length() + part.length() > MAX_ANSWER) {
            answer.tryFail(new IOException("answer larger than " + MAX_ANSWER + " bytes"));
            response.request().reset();
          } else {
            body.appendBuffer(part);
          }
        });
    response.endHandler(
        end ->
            answer.tryComplete(
                KlingAnswer.of(
                    response.statusCode(),
                    response.getHeader("Content-Type"),
                    response.getHeader("Date"),
                    body)));
    return answer.future();
  }

  private static String reason(Throwable failure) {
    String message = failure.getMessage();
    // Netty's messages quote what the other side sent.
    return message == null
        ? failure.getClass().getSimpleName()
        : ForeignText.clean(message, MAX_REASON);
  }
}
