package io.klingtracker.egress;

import io.klingtracker.text.ForeignText;
import io.vertx.core.MultiMap;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.core.net.TrustOptions;
import io.vertx.core.tracing.TracingPolicy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Posts to a receiver, or gets from a server, without holding a thread. The host is looked up once,
 * every address is checked, and exactly the checked one is dialled; the name goes into Host, SNI
 * and the check of the certificate. Redirects are not followed, proxies not used, and of the answer
 * to a post no more is read than people need.
 */
public final class PinnedClient implements AutoCloseable {

  private static final int EXCERPT_BYTES = 2048;
  private static final int MAX_HEADER_BYTES = 16 * 1024;
  private static final int MAX_STATUS_LINE_BYTES = 4096;
  private static final int READ_CHUNK_BYTES = 8 * 1024;

  /** Shorter than the usual five seconds of a server, so that we are the one who hangs up. */
  private static final int KEEP_ALIVE_SECONDS = 4;

  /** Addresses tried when a host has several and nobody takes the connection. */
  private static final int MAX_ADDRESSES = 3;

  private final Vertx vertx;
  private final HttpClient client;
  private final Resolver resolver;
  private final TargetPolicy policy;
  private final Limits limits;
  private final Clock clock;

  /**
   * Bounds of one exchange.
   *
   * @param connect until the connection is established
   * @param whole from look-up to the end of the answer
   * @param answerBytes read at most; the rest is cut off
   * @param perHost connections to one address of one host
   */
  public record Limits(Duration connect, Duration whole, int answerBytes, int perHost) {}

  /** A client; {@code trust} replaces the machine's certificate authorities. */
  public PinnedClient(
      Vertx vertx,
      Resolver resolver,
      TargetPolicy policy,
      Limits limits,
      @Nullable TrustOptions trust,
      Clock clock) {
    this.vertx = vertx;
    this.resolver = resolver;
    this.policy = policy;
    this.limits = limits;
    this.clock = clock;
    HttpClientOptions options =
        new HttpClientOptions()
            .setProtocolVersion(HttpVersion.HTTP_1_1)
            .setConnectTimeout(Math.toIntExact(limits.connect().toMillis()))
            .setSslHandshakeTimeout(limits.connect().toMillis())
            .setSslHandshakeTimeoutUnit(TimeUnit.MILLISECONDS)
            .setVerifyHost(true)
            .setKeepAlive(true)
            .setKeepAliveTimeout(KEEP_ALIVE_SECONDS)
            .setMaxHeaderSize(MAX_HEADER_BYTES)
            .setMaxInitialLineLength(MAX_STATUS_LINE_BYTES)
            .setMaxChunkSize(READ_CHUNK_BYTES)
            .setDecompressionSupported(false)
            .setTracingPolicy(TracingPolicy.IGNORE);
    if (trust != null) {
      options.setTrustOptions(trust);
    }
    client = vertx.createHttpClient(options, new PoolOptions().setHttp1MaxSize(limits.perHost()));
    // The exchange reports it; without a handler each hostile receiver would fill the log.
    client.connectionHandler(connection -> connection.exceptionHandler(failure -> {}));
  }

  /**
   * Posts a body.
   *
   * @return what became of it; never fails
   */
  public CompletionStage<AttemptResult> post(String url, Map<String, String> headers, byte[] body) {
    return new Post(headers, Buffer.buffer(body)).to(url);
  }

  /**
   * Gets what is behind a URL. Its body is read by another thread, which holds the other side up
   * while it does not.
   *
   * @param idle how long the reader waits for the next bytes
   * @return the begin of the answer, whose body is to be closed; never fails
   */
  public CompletionStage<Fetched> get(String url, Duration idle) {
    return new Get(idle).to(url);
  }

  @Override
  public void close() {
    client.close();
  }

  private List<InetAddress> checked(Target target, List<InetAddress> addresses)
      throws RefusedTargetException {
    // One bad address among good ones is refused too: nobody needs it, rebinding does.
    for (InetAddress address : addresses) {
      policy.check(target, address);
    }
    return addresses.stream()
        .sorted(Comparator.comparingInt(a -> a.getAddress().length))
        .limit(MAX_ADDRESSES)
        .toList();
  }

  /** The address without the name it was found by: nothing is left that could be looked up. */
  private static SocketAddress pinned(InetAddress address, int port) {
    try {
      InetAddress bare = InetAddress.getByAddress(address.getAddress());
      return SocketAddress.inetSocketAddress(new InetSocketAddress(bare, port));
    } catch (UnknownHostException e) {
      throw new IllegalStateException("an address is an address", e);
    }
  }

  /**
   * One attempt, from look-up to answer. Ends exactly once.
   *
   * @param <T> how it ends
   */
  private abstract class Exchange<T> {

    final CompletableFuture<T> done = new CompletableFuture<>();
    final Instant started = clock.instant();
    private final String what;
    private final HttpMethod method;
    private final Map<String, String> headers;
    private final Buffer body;
    private final long timer;
    private volatile @Nullable HttpClientRequest request;

    /**
     * An attempt, whose time begins now.
     *
     * @param what how messages name the URL
     */
    private Exchange(String what, HttpMethod method, Map<String, String> headers, Buffer body) {
      this.what = what;
      this.method = method;
      this.headers = headers;
      this.body = body;
      timer =
          vertx.setTimer(
              limits.whole().toMillis(),
              id -> fail(Failure.TIMEOUT, "no complete answer in " + words(limits.whole())));
    }

    /** Takes the answer, whose head is there. */
    abstract void read(HttpClientResponse response);

    /** The end without an answer. */
    abstract T unanswered(Failure failure, String detail);

    CompletionStage<T> to(String url) {
      try {
        start(policy.read(url));
      } catch (RefusedTargetException e) {
        fail(Failure.URL_REFUSED, what + " " + e.rule());
      }
      return done;
    }

    private void start(Target target) {
      InetAddress literal = target.address();
      if (literal != null) {
        dial(target, List.of(literal), 0);
        return;
      }
      CompletableFuture<List<InetAddress>> lookUp =
          resolver.resolve(target.host()).toCompletableFuture();
      // A name server that never answers is not asked on behalf of an attempt that is over: there
      // are no more look-ups than attempts under way.
      done.whenComplete((result, none) -> lookUp.cancel(false));
      lookUp.whenComplete(
          (addresses, failure) -> {
            if (failure != null) {
              fail(Failure.DNS, "no address found for the host");
            } else {
              dialChecked(target, addresses);
            }
          });
    }

    private void dialChecked(Target target, List<InetAddress> addresses) {
      try {
        dial(target, checked(target, addresses), 0);
      } catch (RefusedTargetException e) {
        fail(Failure.ADDRESS_REFUSED, what + " " + e.rule());
      }
    }

    private void dial(Target target, List<InetAddress> addresses, int index) {
      if (done.isDone()) {
        return;
      }
      client
          .request(
              new RequestOptions()
                  .setMethod(method)
                  .setServer(pinned(addresses.get(index), target.port()))
                  .setHost(target.host())
                  .setPort(target.port())
                  .setSsl(target.tls())
                  .setURI(target.uri())
                  .setFollowRedirects(false)
                  .setConnectTimeout(limits.whole().toMillis())
                  .setHeaders(MultiMap.caseInsensitiveMultiMap().addAll(headers)))
          .onComplete(
              connected -> {
                if (connected.succeeded()) {
                  send(connected.result());
                } else if (index + 1 < addresses.size()
                    && FailureClassifier.of(connected.cause()) == Failure.CONNECT) {
                  dial(target, addresses, index + 1);
                } else {
                  fail(connected.cause());
                }
              });
    }

    private void send(HttpClientRequest open) {
      request = open;
      if (done.isDone()) {
        open.reset();
        return;
      }
      open.send(body)
          .onComplete(
              answered -> {
                if (answered.succeeded()) {
                  read(answered.result());
                } else {
                  fail(answered.cause());
                }
              });
    }

    final void fail(Throwable cause) {
      fail(FailureClassifier.of(cause), FailureClassifier.words(cause));
    }

    /** Ends the attempt, unless it has ended. */
    void fail(Failure failure, String detail) {
      if (done.complete(unanswered(failure, detail))) {
        over();
        reset();
      }
    }

    /** Its time counts no more. */
    final void over() {
      vertx.cancelTimer(timer);
    }

    final void reset() {
      HttpClientRequest open = request;
      if (open != null) {
        open.reset();
      }
    }

    final Duration latency() {
      return Duration.between(started, clock.instant());
    }
  }

  /** Ends with the whole answer. */
  private final class Post extends Exchange<AttemptResult> {

    private Post(Map<String, String> headers, Buffer body) {
      super("callback_url", HttpMethod.POST, headers, body);
    }

    @Override
    void read(HttpClientResponse response) {
      Buffer excerpt = Buffer.buffer();
      long[] seen = {0};
      response.exceptionHandler(this::fail);
      response.handler(
          chunk -> {
            int room = EXCERPT_BYTES - excerpt.length();
            excerpt.appendBuffer(chunk, 0, Math.min(room, chunk.length()));
            seen[0] += chunk.length();
            if (seen[0] >= limits.answerBytes()) {
              answered(response, excerpt);
              response.request().connection().close();
            }
          });
      response.endHandler(end -> answered(response, excerpt));
    }

    private void answered(HttpClientResponse response, Buffer excerpt) {
      AttemptResult answer =
          new AttemptResult.Answered(
              response.statusCode(),
              response.getHeader("Retry-After"),
              printable(excerpt),
              latency());
      if (done.complete(answer)) {
        over();
      }
    }

    @Override
    AttemptResult unanswered(Failure failure, String detail) {
      return new AttemptResult.Unanswered(failure, detail, latency());
    }
  }

  /** Ends with the head of the answer; its time counts until the body has been read. */
  private final class Get extends Exchange<Fetched> {

    private final Duration idle;
    private volatile @Nullable AnswerBody content;

    private Get(Duration idle) {
      super("the URL", HttpMethod.GET, Map.of(), Buffer.buffer());
      this.idle = idle;
    }

    @Override
    void read(HttpClientResponse response) {
      AnswerBody read =
          new AnswerBody(
              response,
              vertx.getOrCreateContext(),
              idle,
              () -> {
                over();
                reset();
              });
      content = read;
      response.exceptionHandler(this::fail);
      response.handler(read::take);
      response.endHandler(
          end -> {
            over();
            read.end();
          });
      if (!done.complete(new Fetched.Begun(response.statusCode(), length(response), read))) {
        read.close();
      }
    }

    private static long length(HttpClientResponse response) {
      String length = response.getHeader("Content-Length");
      return length != null && length.matches("[0-9]{1,18}") ? Long.parseLong(length) : -1;
    }

    @Override
    void fail(Failure failure, String detail) {
      AnswerBody begun = content;
      if (begun == null) {
        super.fail(failure, detail);
      } else {
        begun.fail(failure, detail);
      }
    }

    @Override
    Fetched unanswered(Failure failure, String detail) {
      return new Fetched.Failed(failure, detail);
    }
  }

  private static String words(Duration duration) {
    return duration.toMillis() % 1000 == 0
        ? duration.toSeconds() + " s"
        : duration.toMillis() + " ms";
  }

  /** Text that PostgreSQL stores and a page can show. */
  private static String printable(Buffer excerpt) {
    return ForeignText.clean(excerpt.toString(StandardCharsets.UTF_8));
  }
}
