package io.klingtracker.http;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.share.Refusal;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.impl.RoutingContextInternal;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Reads every body on the event loop, counted and charged while it arrives, before a thread is
 * taken for its request: whoever sends slowly holds bytes that have come, and nothing else.
 */
@ApplicationScoped
public class Bodies {

  private static final Logger LOG = Logger.getLogger(Bodies.class);
  private static final String CHARGE = BodyBudget.Charge.class.getName();
  private static final String WHOLE = Bodies.class.getName() + ".whole";

  /** Where nobody needs a key nothing takes a body either. */
  private static final int OPEN_MOST = 1024;

  private final BodyBudget budget;
  private final BodyBounds bounds;
  private final Refusals refusals;
  private final CurrentVertxRequest current;
  private @Nullable Router router;

  @Inject
  Bodies(BodyBudget budget, BodyBounds bounds, Refusals refusals, CurrentVertxRequest current) {
    this.budget = budget;
    this.bounds = bounds;
    this.refusals = refusals;
    this.current = current;
  }

  void register(@Observes Filters filters) {
    filters.register(this::read, FilterOrder.BODY);
  }

  void register(@Observes Router router) {
    this.router = router;
  }

  /** The request continues when its body is there. */
  void read(RoutingContext call) {
    HttpServerRequest request = call.request();
    Front front = Front.of(request.path());
    if (front == Front.CALLBACK
        || ReadContext.isSecondPass(call)
        || !Refusals.mayHaveBody(request)) {
      call.next();
      return;
    }
    boolean keyed = front.needsKey();
    new Arriving(
            call,
            keyed ? bounds.usual() : OPEN_MOST,
            keyed ? () -> bounds.of(request.path()) : () -> OPEN_MOST,
            body -> {
              ((RoutingContextInternal) call).setBody(body);
              if (request.version() == HttpVersion.HTTP_2) {
                Objects.requireNonNull(router).handleContext(new ReadContext(call));
              } else {
                call.next();
              }
            })
        .begin();
  }

  /**
   * Reads a callback's body, out of the memory that is kept for callbacks.
   *
   * @param most bytes; more are refused with 413
   * @param whole is called on the event loop once it is there
   */
  public void readCallback(RoutingContext call, int most, Consumer<Buffer> whole) {
    new Arriving(call, most, () -> most, whole).begin();
  }

  /** Whether all of a request's body was read here; a request that is paused does not show it. */
  static boolean isWhole(RoutingContext call) {
    return call.get(WHOLE) != null;
  }

  /** Whether a request comes by a second time, after its body was read. */
  public static boolean isRead(RoutingContext call) {
    return ReadContext.isSecondPass(call);
  }

  /** Refuses a request whose body is not wanted; little of it is read. */
  public void refuse(RoutingContext call, ProblemException problem, String bound) {
    refusals.refuse(call, problem, bound);
  }

  /** Takes the body of the request under way: nothing holds it after that but who took it. */
  public byte[] take() {
    RoutingContext call = current.getCurrent();
    Buffer body = call == null ? null : call.body().buffer();
    if (call == null || body == null) {
      return new byte[0];
    }
    ((RoutingContextInternal) call).setBody(Buffer.buffer());
    return body.getBytes();
  }

  /** Gives back the memory of a body that was taken and is done with before its request ends. */
  public void release() {
    RoutingContext call = current.getCurrent();
    BodyBudget.Charge charge = call == null ? null : call.get(CHARGE);
    if (charge != null) {
      charge.release();
    }
  }

  /** A body on its way in. */
  private final class Arriving {
    private final RoutingContext call;
    private final HttpServerRequest request;
    private final IntSupplier atMost;
    private final Consumer<Buffer> whole;
    private final boolean callback;
    private final BodyBudget.Charge charge;
    private Gathered body = new Gathered();
    private int most;
    private boolean refused;

    Arriving(RoutingContext call, int usual, IntSupplier atMost, Consumer<Buffer> whole) {
      this.call = call;
      this.request = call.request();
      this.most = usual;
      this.atMost = atMost;
      this.whole = whole;
      this.callback = Front.of(request.path()) == Front.CALLBACK;
      this.charge = callback ? budget.chargeCallback() : budget.charge(RequestTenant.of(call));
    }

    void begin() {
      call.put(CHARGE, charge);
      call.addEndHandler(end -> charge.release());
      if (isTooLarge(Refusals.announced(request))) {
        refuse(tooLarge(), "body-size");
        return;
      }
      // A callback is known by its bytes: a proxy may have unpacked it and left the header.
      if (!callback && !Gzip.isNone(request.getHeader(HttpHeaders.CONTENT_ENCODING))) {
        refuse(Gzip.refusal(), "encoding");
        return;
      }
      request.exceptionHandler(this::cutOff);
      request.handler(this::part);
      request.endHandler(end -> done());
      if ("100-continue".equalsIgnoreCase(request.getHeader(HttpHeaders.EXPECT))) {
        request.response().writeContinue();
      }
      request.resume();
    }

    private void part(Buffer part) {
      if (refused) {
        return;
      }
      if (isTooLarge((long) body.length() + part.length())) {
        refuse(tooLarge(), "body-size");
        return;
      }
      Optional<Refusal> full = charge.take(part.length());
      if (full.isPresent()) {
        refuse(full.get());
      } else {
        body.add(part);
      }
    }

    private void done() {
      if (refused) {
        return;
      }
      Optional<Refusal> full = charge.whole();
      if (full.isPresent()) {
        refuse(full.get());
        return;
      }
      call.put(WHOLE, true);
      Buffer given = body.whole();
      if (!Gzip.is(given)) {
        whole.accept(given);
      } else if (callback) {
        unpack(given);
      } else {
        refuse(Gzip.refusal(), "encoding");
      }
    }

    private void unpack(Buffer packed) {
      Buffer plain;
      try {
        plain = Gzip.unpack(packed, most, charge::take);
      } catch (ProblemException e) {
        if (e.code() != ErrorCode.INVALID_REQUEST) {
          refuse(e, "encoding");
          return;
        }
        // Judged, and kept, as any other callback that cannot be read.
        plain = packed;
      }
      whole.accept(plain);
    }

    private boolean isTooLarge(long length) {
      if (length > most) {
        most = atMost.getAsInt();
      }
      return length > most;
    }

    private void refuse(Refusal refusal) {
      refuse(refusal.problem(), "body-memory");
    }

    private void refuse(ProblemException problem, String bound) {
      refused = true;
      body = new Gathered();
      charge.release();
      refusals.refuse(call, problem, bound);
    }

    private void cutOff(Throwable gone) {
      LOG.debugf("%s: the body was cut off: %s", request.method(), gone.getMessage());
      refused = true;
      body = new Gathered();
      charge.release();
    }

    private ProblemException tooLarge() {
      return new ProblemException(
          ErrorCode.BODY_TOO_LARGE,
          "The request body is larger than "
              + most
              + " bytes, the most this path takes."
              + (most > bounds.usual() ? " Give pictures, sound and videos by URL instead." : ""));
    }
  }
}
