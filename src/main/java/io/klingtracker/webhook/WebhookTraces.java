package io.klingtracker.webhook;

import io.klingtracker.egress.AttemptResult;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A span for each attempt, in the trace of the request that caused the change. */
@Singleton
class WebhookTraces {

  private static final String TRACEPARENT = "traceparent";
  private static final TextMapGetter<Map<String, String>> GETTER =
      new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(Map<String, String> carrier) {
          return carrier.keySet();
        }

        @Override
        public @Nullable String get(@Nullable Map<String, String> carrier, String name) {
          return carrier == null ? null : carrier.get(name);
        }
      };

  private final Tracer tracer;

  @Inject
  WebhookTraces(Tracer tracer) {
    this.tracer = tracer;
  }

  /** Spans an attempt; its context goes out in {@code headers}. */
  CompletionStage<AttemptResult> around(
      Delivery delivery,
      Map<String, String> headers,
      Supplier<CompletionStage<AttemptResult>> attempt) {
    String parent = delivery.traceparent();
    Context context =
        parent == null
            ? Context.root()
            : W3CTraceContextPropagator.getInstance()
                .extract(Context.root(), Map.of(TRACEPARENT, parent), GETTER);
    Span span =
        tracer
            .spanBuilder("webhook deliver")
            .setParent(context)
            .setSpanKind(SpanKind.CLIENT)
            .setAttribute("task.id", delivery.taskId())
            .setAttribute("task.sequence", delivery.sequence())
            .setAttribute("webhook.attempt", delivery.attempts() + 1)
            .setAttribute("server.address", delivery.host())
            .startSpan();
    W3CTraceContextPropagator.getInstance()
        .inject(
            context.with(span),
            headers,
            (carrier, name, value) -> {
              if (carrier != null) {
                carrier.put(name, value);
              }
            });
    return attempt.get().whenComplete((result, failure) -> end(span, result));
  }

  private static void end(Span span, @Nullable AttemptResult result) {
    if (result instanceof AttemptResult.Answered answered) {
      span.setAttribute("http.response.status_code", answered.status());
      if (answered.status() / 100 != 2) {
        span.setStatus(StatusCode.ERROR);
      }
    } else if (result instanceof AttemptResult.Unanswered unanswered) {
      span.setAttribute("error.type", unanswered.failure().wireName());
      span.setStatus(StatusCode.ERROR);
    }
    span.end();
  }
}
