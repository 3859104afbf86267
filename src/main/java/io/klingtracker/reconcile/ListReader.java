package io.klingtracker.reconcile;

import io.klingtracker.catalog.Kind;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.loops.SetAside;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/** Reads Kling's lists, newest first, as long as that is likely to be worth it. */
final class ListReader {

  private static final Logger LOG = Logger.getLogger(ListReader.class);

  /** Kling's list is left when it has held nothing of interest for so many pages. */
  private static final int IDLE_PAGES = 3;

  /** Kling's clock may differ from ours by so much. */
  static final Duration SKEW = Duration.ofMinutes(5);

  /** Pages read for each page's worth of tasks asked about, at the most: others' lie between. */
  private static final int PAGES_PER_PAGE = 3;

  private final KlingClient kling;
  private final CallRate rate;
  private final Clock clock;

  ListReader(KlingClient kling, CallRate rate, Clock clock) {
    this.kling = kling;
    this.rate = rate;
    this.clock = clock;
  }

  /**
   * Looks for tasks in the lists of their kind; waits for each page.
   *
   * @param matcher who is asked about
   * @param then is given what was found on each page
   */
  Silence.Lists read(
      String account,
      Kind kind,
      Collection<Check> asked,
      AnswerMatcher matcher,
      Consumer<List<AnswerMatcher.Match>> then) {
    if (kind.dialect() == Kind.Dialect.LEGACY) {
      return byPage(account, kind, asked.size(), matcher, then);
    }
    return kling.takesIds(account) ? byTime(account, asked, matcher, then) : Silence.Lists.SILENT;
  }

  private Silence.Lists byPage(
      String account,
      Kind kind,
      int asked,
      AnswerMatcher matcher,
      Consumer<List<AnswerMatcher.Match>> then) {
    String path = kind.createPath(null);
    int pages = mostPages(asked);
    int idle = 0;
    for (int page = 1;
        page <= pages && !matcher.unanswered().isEmpty() && idle < IDLE_PAGES;
        page++) {
      int number = page;
      ListAnswer answer = call(account, matcher, () -> kling.page(account, path, number));
      if (!(answer instanceof ListAnswer.Found found)) {
        return without(answer);
      }
      List<AnswerMatcher.Match> matches = matcher.among(found.tasks());
      then.accept(matches);
      idle = matches.isEmpty() ? idle + 1 : 0;
      if (found.tasks().size() < KlingClient.PAGE) {
        break;
      }
    }
    return Silence.Lists.SILENT;
  }

  /** The newer generation has one list for all kinds, by the time of their creation. */
  private Silence.Lists byTime(
      String account,
      Collection<Check> asked,
      AnswerMatcher matcher,
      Consumer<List<AnswerMatcher.Match>> then) {
    Instant now = clock.instant();
    Instant from =
        asked.stream().map(Check::startedAt).min(Comparator.naturalOrder()).orElse(now).minus(SKEW);
    int idle = 0;
    String cursor = null;
    for (int left = mostPages(asked.size());
        left > 0 && !matcher.unanswered().isEmpty() && idle < IDLE_PAGES;
        left--) {
      String after = cursor;
      ListAnswer answer = call(account, matcher, () -> kling.created(account, from, now, after));
      if (!(answer instanceof ListAnswer.Found page)) {
        return without(answer);
      }
      List<AnswerMatcher.Match> matches = matcher.among(page.tasks());
      then.accept(matches);
      idle = matches.isEmpty() ? idle + 1 : 0;
      cursor = page.next();
      if (cursor == null) {
        break;
      }
    }
    return Silence.Lists.SILENT;
  }

  private static Silence.Lists without(ListAnswer answer) {
    if (answer instanceof ListAnswer.NoList) {
      // No list for this product: asking for each task is all the proof there is.
      return Silence.Lists.SILENT;
    }
    LOG.debugf("Kling's list was not read: %s", answer);
    return Silence.Lists.UNREADABLE;
  }

  /** In the turn of the first of those asked about; no answer where that fails unforeseen. */
  private ListAnswer call(
      String account, AnswerMatcher matcher, Supplier<CompletionStage<ListAnswer>> question) {
    Check turn = matcher.unanswered().iterator().next();
    try {
      return rate.call(account, turn.urgency(), turn.tenant(), question).join();
    } catch (CompletionException e) {
      LOG.warnf("Kling's list could not be read: %s", SetAside.reason(e));
      return new ListAnswer.NoAnswer(SetAside.reason(e));
    }
  }

  private static int mostPages(int asked) {
    return PAGES_PER_PAGE * ((asked + KlingClient.PAGE - 1) / KlingClient.PAGE);
  }
}
