package io.klingtracker.feed;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.request.Parameters;
import io.klingtracker.secret.Cursors;
import io.klingtracker.tenant.CurrentCaller;
import io.klingtracker.tenant.Needs;
import io.klingtracker.tenant.OpenCalls;
import io.klingtracker.tenant.Scope;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.sse.OutboundSseEvent;
import jakarta.ws.rs.sse.Sse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.ResponseHeader;
import org.jspecify.annotations.Nullable;

/** The catch-up feed and the streams of Server-Sent Events. */
@Path("/v1/events")
public class FeedResource {

  private static final Logger LOG = Logger.getLogger(FeedResource.class);

  private static final int DEFAULT_LIMIT = 100;
  private static final int MAX_LIMIT = 1000;
  private static final int MAX_WAIT_SECONDS = 60;
  private static final long RECONNECT_MILLIS = 2000;

  private static final String LIST = "events";

  /** Proxies that gather answers pass each event on as it comes. */
  static final String UNBUFFERED = "X-Accel-Buffering";

  private final Feed feed;
  private final Cursors cursors;
  private final CurrentCaller caller;
  private final OpenCalls calls;

  @Inject
  FeedResource(Feed feed, Cursors cursors, CurrentCaller caller, OpenCalls calls) {
    this.calls = calls;
    this.feed = feed;
    this.cursors = cursors;
    this.caller = caller;
  }

  /** A page of events and the cursor behind them. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  public record EventPage(List<Event> events, String nextCursor) {

    /** An event, letter for letter as on Kafka. */
    @Schema(type = SchemaType.OBJECT)
    public record Event(@Schema(hidden = true) @JsonValue @JsonRawValue String json) {}
  }

  /** The tenant's events after a cursor, oldest first; with {@code wait} it waits for the next. */
  @GET
  @Needs(Scope.READ)
  @Produces(MediaType.APPLICATION_JSON)
  @Blocking
  @Operation(summary = "Catch up with all status changes")
  public Uni<EventPage> events(
      @QueryParam("after") @Nullable String after,
      @QueryParam("limit") @Nullable String limit,
      @QueryParam("wait") @Nullable String wait) {
    String tenant = caller.tenant();
    Bookmark from = after == null ? feed.beginning(tenant) : open(tenant, after);
    int size = Parameters.number("limit", limit, DEFAULT_LIMIT, 1, MAX_LIMIT);
    int seconds = Parameters.number("wait", wait, 0, 0, MAX_WAIT_SECONDS);
    EventPage page = page(tenant, from, size);
    if (!page.events().isEmpty() || seconds == 0) {
      return Uni.createFrom().item(page);
    }
    FeedReader reader = feed.follow(tenant, from);
    Uni<EventPage> answer =
        reader
            .next(Duration.ofSeconds(seconds))
            .emitOn(Infrastructure.getDefaultWorkerPool())
            .map(news -> news.isEmpty() ? page : page(tenant, from, size))
            .onTermination()
            .invoke(reader::close);
    return calls.whileAllowed(answer);
  }

  private Bookmark open(String tenant, String after) {
    return cursors
        .open(LIST, tenant, after)
        .map(Bookmark::parse)
        .orElseThrow(
            () ->
                new ProblemException(
                    ErrorCode.INVALID_REQUEST,
                    "after is not a cursor that we gave; leave it out to begin with the oldest event"));
  }

  private EventPage page(String tenant, Bookmark from, int size) {
    List<FeedEvent> events = feed.page(tenant, from.cursor(), size);
    requireUnbroken(tenant, from);
    Bookmark next = events.isEmpty() ? from : from.at(events.get(events.size() - 1).cursor());
    return new EventPage(
        events.stream().map(event -> new EventPage.Event(event.payload())).toList(),
        cursors.seal(LIST, tenant, next.toString()));
  }

  /** A reader that has missed events that are gone gets an error that says how to continue. */
  private void requireUnbroken(String tenant, Bookmark from) {
    FeedStore.Removals removals = feed.removals(tenant, from);
    if (removals.missed()) {
      throw removed(tenant, from.cursor(), removals.newest());
    }
  }

  private ProblemException removed(String tenant, Cursor place, long newest) {
    String oldest = cursors.seal(LIST, tenant, new Bookmark(place, newest).toString());
    return Feed.removed(Map.of("oldest_cursor", oldest));
  }

  /** The tenant's events as they come, or from behind {@code Last-Event-ID} on. */
  @GET
  @Needs(Scope.READ)
  @Path("/stream")
  @Produces(MediaType.SERVER_SENT_EVENTS)
  @ResponseHeader(name = "Cache-Control", value = "no-cache")
  @ResponseHeader(name = UNBUFFERED, value = "no")
  @Blocking
  @Operation(summary = "All status changes as they come")
  @APIResponse(
      responseCode = "200",
      description = "events, one after the other",
      content =
          @Content(
              mediaType = MediaType.SERVER_SENT_EVENTS,
              schema = @Schema(type = SchemaType.STRING)))
  public Multi<OutboundSseEvent> stream(
      @HeaderParam("Last-Event-ID") @Nullable String lastEventId, @Context Sse sse) {
    String tenant = caller.tenant();
    Cursor from = lastEventId == null ? feed.now() : placeOf(tenant, lastEventId);
    return calls.whileAllowed(toSse(feed.stream(tenant, from), sse));
  }

  private Cursor placeOf(String tenant, String lastEventId) {
    UUID eventId = eventId(lastEventId);
    Optional<Cursor> place = feed.placeOf(tenant, eventId);
    if (place.isPresent()) {
      requireUnbroken(tenant, new Bookmark(place.get(), 0));
      return place.get();
    }
    long newest = feed.beginning(tenant).removal();
    // Where something was removed, this may have been of it.
    throw newest == 0 ? Feed.unknownEvent() : removed(tenant, Cursor.START, newest);
  }

  static UUID eventId(String text) {
    try {
      return UUID.fromString(text);
    } catch (IllegalArgumentException e) {
      throw Feed.unknownEvent();
    }
  }

  /** Events as they are on a stream; a comment where nothing came for a heartbeat. */
  static Multi<OutboundSseEvent> toSse(Multi<List<FeedEvent>> events, Sse sse) {
    // The first line goes out at once, so that the reader knows it is connected.
    OutboundSseEvent connected =
        sse.newEventBuilder().comment("connected").reconnectDelay(RECONNECT_MILLIS).build();
    Multi<OutboundSseEvent> rest =
        events
            .onFailure()
            .invoke(failure -> LOG.warnf(failure, "a stream of events ended"))
            .onItem()
            .transformToMultiAndConcatenate(
                page ->
                    page.isEmpty()
                        ? Multi.createFrom().item(sse.newEventBuilder().comment("alive").build())
                        : Multi.createFrom()
                            .iterable(page)
                            .map(
                                event ->
                                    sse.newEventBuilder()
                                        .id(event.eventId().toString())
                                        .data(String.class, event.payload())
                                        .build()));
    return Multi.createBy().concatenating().streams(Multi.createFrom().item(connected), rest);
  }
}
