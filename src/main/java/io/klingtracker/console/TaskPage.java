package io.klingtracker.console;

import io.klingtracker.callback.CallbackResource.CallbackView;
import io.klingtracker.task.TaskView;
import io.klingtracker.task.TimelineEntry;
import io.klingtracker.time.Rfc3339;
import io.klingtracker.webhook.DeliveryView;
import io.klingtracker.webhook.TaskDeliveries;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One task.
 *
 * @param task as the API shows it
 * @param path of its page, with its id
 * @param tab which part is shown
 * @param facts of the head, in their order
 * @param reason why it is where it is
 * @param next what happens next, and when; null when nothing does
 * @param media of the result
 * @param running whether anything may still change
 * @param askable whether Kling may know more of it
 * @param cancelable whether it waits and nothing was sent
 * @param redeliverable whether it has webhooks that the reader may have sent again
 */
public record TaskPage(
    TaskView task,
    String path,
    String tab,
    List<Fact> facts,
    String reason,
    @Nullable String next,
    List<MediaOfResult> media,
    boolean running,
    boolean askable,
    boolean cancelable,
    boolean redeliverable,
    History history,
    Request request,
    Callbacks callbacks,
    Deliveries deliveries,
    List<String> events) {

  /** The parts of a task's page, each with its own URL; the first is the page itself. */
  static final List<String> TABS =
      List.of("timeline", "request", "callbacks", "deliveries", "events");

  /** A name and what it is; with a time for the eye, where it is one. */
  public record Fact(String name, String value, @Nullable String at) {}

  /** The time line and the list under it. */
  public record History(@Nullable TimeLine line, List<TimelineEntry> entries, boolean more) {

    static final History NONE = new History(null, List.of(), false);

    /** An entry's time as we write them. */
    public String at(TimelineEntry entry) {
      return Rfc3339.format(entry.at());
    }
  }

  /** Asked beside sent. */
  public record Request(List<Comparison.Line> lines, boolean sent, @Nullable String curl) {

    static final Request NONE = new Request(List.of(), false, null);
  }

  /** Kling's callbacks. */
  public record Callbacks(List<CallbackView> all, int leftOut) {

    static final Callbacks NONE = new Callbacks(List.of(), 0);
  }

  /** Webhooks of the task. */
  public record Deliveries(List<DeliveryView> all, List<TaskDeliveries.Attempt> attempts) {

    static final Deliveries NONE = new Deliveries(List.of(), List.of());

    /** The attempts of one delivery, newest first. */
    public List<TaskDeliveries.Attempt> of(DeliveryView delivery) {
      List<TaskDeliveries.Attempt> own = new ArrayList<>();
      for (TaskDeliveries.Attempt attempt : attempts) {
        if (Objects.equals(attempt.id(), delivery.id())) {
          own.add(attempt);
        }
      }
      return own;
    }

    /** An attempt's time as we write them. */
    public String at(TaskDeliveries.Attempt attempt) {
      return Rfc3339.format(attempt.at());
    }
  }

  /** The tabs, for the template. */
  public List<String> tabs() {
    return TABS;
  }

  /** The URL of a tab. */
  public String at(String name) {
    return name.equals(TABS.get(0)) ? path : path + "/" + name;
  }

  /** The URL of an action, or of the stream of its changes. */
  public String under(String name) {
    return path + "/" + name;
  }

  /** Whether this tab is shown. */
  public boolean shows(String name) {
    return tab.equals(name);
  }
}
