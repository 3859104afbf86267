package io.klingtracker.reconcile;

import io.klingtracker.catalog.Kind;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.Ordered;
import io.klingtracker.loops.SetAside;
import io.klingtracker.reconcile.ReconcileStore.Unnamed;
import io.klingtracker.upstream.Doubts;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Looks in Kling's newest lists for creates in doubt of which Kling keeps no id of ours: by the
 * time, the model and the prompt. What fits is ours only where it shows all three, nothing else of
 * that time may be it, and no other create of ours may be what it is; see ADR 51. Another user of
 * the account may have asked for anything at the same moment.
 */
final class UnnamedSearch {

  /** Pages of a list that are read for creates of one account and kind, at the most. */
  static final int MAX_PAGES = 10;

  /** Ids that are listed for a person. */
  private static final int MAX_LISTED = 5;

  private final KlingClient kling;
  private final CallRate rate;
  private final ReconcileStore store;
  private final Duration certainAfter;
  private final Clock clock;

  /**
   * What became of looking for a create.
   *
   * @param news the only one that it can be; null where that is not sure
   * @param words for people
   */
  record Verdict(@Nullable KlingNews news, String words) {}

  /**
   * What Kling lists.
   *
   * @param missing why that is not all of the time in question; null when it is
   */
  record Listed(Collection<KlingNews> rows, @Nullable String missing) {}

  /**
   * Creates of ours in a span of time.
   *
   * @param from no create of these was accepted before
   * @param to nor after
   */
  private record Span(Instant from, Instant to) {
    boolean has(Instant time) {
      return !time.isBefore(from) && !time.isAfter(to);
    }
  }

  UnnamedSearch(
      KlingClient kling, CallRate rate, ReconcileStore store, Duration certainAfter, Clock clock) {
    this.kling = kling;
    this.rate = rate;
    this.store = store;
    this.certainAfter = certainAfter;
    this.clock = clock;
  }

  /**
   * Looks for creates of one account and kind; waits for each page.
   *
   * @param checks creates in doubt without an id of ours
   */
  Map<Check, Verdict> look(String account, Kind kind, List<Check> checks) {
    Instant first =
        checks.stream().map(UnnamedSearch::sentAt).min(Comparator.naturalOrder()).orElseThrow();
    Instant from = first.minus(ListReader.SKEW);
    Check turn = checks.get(0);
    Listed listed =
        kind.dialect() == Kind.Dialect.LEGACY
            ? byPage(account, kind, turn, from)
            : byTime(account, turn, from);
    Set<String> ours =
        store.known(account, listed.rows().stream().map(KlingNews::klingTaskId).toList());
    List<KlingNews> others =
        listed.rows().stream().filter(row -> !ours.contains(row.klingTaskId())).toList();
    List<Unnamed> open = store.unnamed(account, from);
    Map<Check, Verdict> verdicts = new HashMap<>();
    checks.forEach(
        check ->
            verdicts.put(
                check, verdict(check, new Listed(others, listed.missing()), open, certainAfter)));
    return verdicts;
  }

  /**
   * What a create is among what is listed.
   *
   * @param listed without what is known as another task of ours
   * @param open creates of ours that may be listed, this one among them
   * @param certainAfter for how long a create may arrive
   */
  static Verdict verdict(Check check, Listed listed, List<Unnamed> open, Duration certainAfter) {
    Instant sent = sentAt(check);
    Span span =
        new Span(sent.minus(ListReader.SKEW), sent.plus(certainAfter).plus(ListReader.SKEW));
    String hash = Objects.requireNonNull(Objects.requireNonNull(check.doubt()).promptHash());
    String model = check.ref().model();
    List<KlingNews> fitting =
        listed.rows().stream()
            .filter(row -> row.externalTaskId() == null)
            .filter(row -> row.createdAt() == null || span.has(row.createdAt()))
            .filter(row -> agrees(row.ordered().model(), shown -> shown.equals(model)))
            .filter(
                row ->
                    agrees(row.ordered().prompt(), shown -> Doubts.promptHash(shown).equals(hash)))
            .toList();
    long alike =
        open.stream()
            .filter(one -> Objects.equals(one.model(), model) && one.promptHash().equals(hash))
            .filter(one -> span.has(one.sentAt()))
            .count();
    if (listed.missing() != null) {
      return new Verdict(null, "Kling's list does not show whether it has it: " + listed.missing());
    }
    if (fitting.isEmpty()) {
      return new Verdict(null, "Kling's list shows no task of that time that may be it");
    }
    KlingNews only = fitting.get(0);
    if (fitting.size() == 1 && alike == 1 && showsAll(only)) {
      return new Verdict(only, "");
    }
    String ids =
        fitting.stream()
            .limit(MAX_LISTED)
            .map(KlingNews::klingTaskId)
            .collect(Collectors.joining(", "));
    String more = fitting.size() > MAX_LISTED ? ", …" : "";
    String why =
        alike > 1
            ? "; %s creates of ours are alike".formatted(alike)
            : fitting.stream().allMatch(UnnamedSearch::showsAll)
                ? ""
                : "; it does not show what was asked of them";
    return new Verdict(
        null, "Kling lists %s that may be it (%s%s)%s".formatted(fitting.size(), ids, more, why));
  }

  private static boolean agrees(@Nullable String shown, Predicate<String> ours) {
    return shown == null || ours.test(shown);
  }

  /** By an empty prompt nothing can be known again. */
  private static boolean showsAll(KlingNews row) {
    Ordered ordered = row.ordered();
    return row.createdAt() != null
        && ordered.model() != null
        && ordered.prompt() != null
        && !ordered.prompt().isBlank();
  }

  private static Instant sentAt(Check check) {
    return Objects.requireNonNull(check.doubt()).sentAt();
  }

  /** The newer generation has one list for all kinds, of a span of time. */
  private Listed byTime(String account, Check turn, Instant from) {
    if (!kling.takesIds(account)) {
      return new Listed(List.of(), "account %s has no API key".formatted(account));
    }
    Instant now = clock.instant().plus(ListReader.SKEW);
    Map<String, KlingNews> rows = new LinkedHashMap<>();
    String cursor = null;
    for (int page = 0; page < MAX_PAGES; page++) {
      String after = cursor;
      ListAnswer answer = call(account, turn, () -> kling.created(account, from, now, after));
      if (!(answer instanceof ListAnswer.Found found)) {
        return new Listed(rows.values(), why(answer));
      }
      add(found.tasks(), rows);
      cursor = found.next();
      if (cursor == null) {
        return new Listed(rows.values(), null);
      }
    }
    return new Listed(rows.values(), tooLong());
  }

  /** Until it ends, or, where it is newest first so far, is older than what is sought. */
  private Listed byPage(String account, Kind kind, Check turn, Instant from) {
    String path = kind.createPath(null);
    Map<String, KlingNews> rows = new LinkedHashMap<>();
    for (int page = 1; page <= MAX_PAGES; page++) {
      int number = page;
      ListAnswer answer = call(account, turn, () -> kling.page(account, path, number));
      if (!(answer instanceof ListAnswer.Found found)) {
        return new Listed(rows.values(), why(answer));
      }
      add(found.tasks(), rows);
      if (found.tasks().size() < KlingClient.PAGE || isPast(rows.values(), from)) {
        return new Listed(rows.values(), null);
      }
    }
    return new Listed(rows.values(), tooLong());
  }

  private static void add(List<KlingNews> tasks, Map<String, KlingNews> rows) {
    tasks.forEach(task -> rows.put(String.valueOf(task.klingTaskId()), task));
  }

  private static boolean isPast(Collection<KlingNews> rows, Instant from) {
    List<Instant> times = new ArrayList<>();
    for (KlingNews row : rows) {
      Instant created = row.createdAt();
      if (created == null || !times.isEmpty() && created.isAfter(times.get(times.size() - 1))) {
        return false;
      }
      times.add(created);
    }
    return !times.isEmpty() && times.get(times.size() - 1).isBefore(from);
  }

  private static String tooLong() {
    return "more than %s tasks are newer".formatted(MAX_PAGES * KlingClient.PAGE);
  }

  private static String why(ListAnswer answer) {
    return answer instanceof ListAnswer.NoAnswer none
        ? none.reason()
        : answer instanceof ListAnswer.NoList no ? no.message() : "";
  }

  private ListAnswer call(
      String account, Check turn, Supplier<CompletionStage<ListAnswer>> question) {
    try {
      return rate.call(account, turn.urgency(), turn.tenant(), question).join();
    } catch (CompletionException e) {
      return new ListAnswer.NoAnswer(SetAside.reason(e));
    }
  }
}
