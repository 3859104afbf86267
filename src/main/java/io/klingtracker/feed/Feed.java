package io.klingtracker.feed;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.watch.ChangeNotifier;
import io.klingtracker.watch.Waits;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.operators.multi.MultiSelectFirstUntilOtherOp;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The feed's façade: pages, followers, streams. */
@Singleton
public class Feed {

  private final FeedStore store;
  private final FeedHub hub;
  private final ChangeNotifier notifier;
  private final Waits waits;
  private final FeedConfig config;

  @Inject
  Feed(FeedStore store, FeedHub hub, ChangeNotifier notifier, Waits waits, FeedConfig config) {
    this.store = store;
    this.hub = hub;
    this.notifier = notifier;
    this.waits = waits;
    this.config = config;
  }

  /** At most {@code limit} events of a tenant after a cursor, oldest first. */
  public List<FeedEvent> page(String tenant, Cursor after, int limit) {
    return store.page(tenant, after, limit);
  }

  /** A reader that begins with the oldest event that there is. */
  Bookmark beginning(String tenant) {
    Bookmark start = new Bookmark(Cursor.START, 0);
    return new Bookmark(Cursor.START, store.removals(tenant, start).newest());
  }

  /**
   * What a reader has to know of removals, to be asked after its page was read, so that none in
   * between is overlooked.
   */
  FeedStore.Removals removals(String tenant, Bookmark reader) {
    return store.removals(tenant, reader);
  }

  /** The position of one of the tenant's events. */
  public Optional<Cursor> placeOf(String tenant, UUID eventId) {
    return store.placeOf(tenant, eventId);
  }

  /** Behind every event that there is. */
  public Cursor now() {
    return store.head();
  }

  /**
   * Follows a tenant's feed from a cursor; to be closed.
   *
   * @throws io.klingtracker.problem.ProblemException when too many wait, see {@link Waits}
   */
  public FeedReader follow(String tenant, Cursor after) {
    return follow(tenant, new Bookmark(after, 0));
  }

  FeedReader follow(String tenant, Bookmark after) {
    return new FeedReader(hub, store, waits, hub.page(), tenant, after);
  }

  /**
   * A tenant's events after a cursor, then as they come, until the reader is too slow or its place
   * is needed, or events that it has not read are removed. Empty lists say that nothing came for a
   * heartbeat.
   */
  public Multi<List<FeedEvent>> stream(String tenant, Cursor after) {
    FeedReader reader = follow(tenant, after);
    Multi<List<FeedEvent>> events =
        Multi.createBy().repeating().uni(() -> reader.next(config.heartbeat())).indefinitely();
    return events
        .plug(all -> new MultiSelectFirstUntilOtherOp<>(all, reader.cut().toMulti()))
        .onTermination()
        .invoke(reader::close);
  }

  /**
   * One task's events after a sequence, then as they come, until the task has ended or the place is
   * needed. Empty lists say that nothing came for a heartbeat.
   */
  public Multi<List<FeedEvent>> stream(String tenant, String taskId, int after) {
    TaskReader reader = new TaskReader(store, notifier, waits, config, tenant, taskId, after);
    return Multi.createBy()
        .repeating()
        .uni(reader::next)
        .whilst(events -> !reader.isOver())
        .onTermination()
        .invoke(reader::close);
  }

  /** What a task's events are on Kafka, oldest first. */
  public List<String> payloads(String taskId, int limit) {
    return store.ofTask(taskId, 0, limit).stream().map(FeedEvent::payload).toList();
  }

  /** The sequence of one of a task's events. */
  int sequenceOf(String taskId, UUID eventId) {
    return store.ofTask(taskId, 0, hub.page()).stream()
        .filter(event -> event.eventId().equals(eventId))
        .map(FeedEvent::sequence)
        .findFirst()
        .orElseThrow(Feed::unknownEvent);
  }

  static ProblemException unknownEvent() {
    return new ProblemException(
        ErrorCode.INVALID_REQUEST,
        "Last-Event-ID is not the event_id of an event here; leave it out, or catch up with GET /v1/events");
  }

  static ProblemException removed(Map<String, String> members) {
    return new ProblemException(
        ErrorCode.CURSOR_EXPIRED,
        "events behind this place were removed, since they are older than they are kept; continue with the"
            + " oldest that is kept behind it: GET /v1/events?after=<oldest_cursor>",
        members);
  }

  /** Whether nothing can follow the event with this sequence. */
  boolean isLast(String taskId, int sequence) {
    return store.ofTask(taskId, sequence - 1, 1).stream().anyMatch(FeedEvent::isLast);
  }
}
