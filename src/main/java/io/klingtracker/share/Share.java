package io.klingtracker.share;

import io.klingtracker.share.Bound.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One bound, shared by tenants. A tenant alone may have all of it (but for a small reserve, where
 * what is held cannot be ended). As soon as another wants some, that is, holds some or has asked
 * for some within the last {@value #WANTED_SECONDS} seconds:
 *
 * <ul>
 *   <li>nobody is let in beyond half of the bound ({@link Bound#share});
 *   <li>who would hold no more than an equal part if one more tenant came, or holds nothing, is let
 *       in as long as there is any room; what such a modest tenant is refused is kept for it until
 *       it should have come back, in the order of asking (a smaller wish may pass a larger one),
 *       and the others leave the reserve as well;
 *   <li>where holdings last, there is always room for who holds less than an equal part: the oldest
 *       holdings of the greediest tenant are ended for it.
 * </ul>
 *
 * <p>So a tenant waits until some of the others' holdings have ended at most, and not at all where
 * they last. The first holding of a tenant may be larger than its share. Asking takes one short
 * lock and looks at no other tenant unless somebody has to make room.
 */
public final class Share {

  /** For so long after it has asked, a tenant counts as one that wants some. */
  static final int WANTED_SECONDS = 10;

  private static final long WANTED_NANOS = Duration.ofSeconds(WANTED_SECONDS).toNanos();
  private static final Logger LOG = Logger.getLogger(Share.class);

  private final Bound bound;
  private final LongSupplier nanos;
  private final Consumer<Refusal> onRefused;

  // Guarded by this.
  private final Map<String, Holdings> holdings = new HashMap<>();
  private final Recent idle = new Recent(WANTED_NANOS);
  private final Recent promised;
  private long total;

  private static final class Holdings {
    private long held;
    private final Set<Permit> oldestFirst = new LinkedHashSet<>(4);
  }

  private record Asked(Entry entry, List<Permit> evicted) {}

  /**
   * A bound that nobody holds any of.
   *
   * @param nanos a clock that only runs forward
   * @param onRefused is notified of each refusal; must not block
   */
  public Share(Bound bound, LongSupplier nanos, Consumer<Refusal> onRefused) {
    this.bound = bound;
    // Until who was refused should have come back, with something to spare.
    this.promised = new Recent(bound.retryAfter().multipliedBy(2).plusSeconds(1).toNanos());
    this.nanos = nanos;
    this.onRefused = onRefused;
  }

  /** The bound. */
  public Bound bound() {
    return bound;
  }

  /** Asks for some of a bound whose holdings are brief. */
  public Entry enter(String tenant, long amount) {
    if (bound.lasting()) {
      throw new IllegalStateException(bound.name() + " needs a way to end what is held");
    }
    return ask(tenant, amount, null, () -> {});
  }

  /**
   * Asks for some of a bound whose holdings last.
   *
   * @param onEvicted ends what is held, since its place was given to another tenant; is run at most
   *     once, in the other's thread, and must neither block nor fail. The permit is closed by then.
   */
  public Entry enter(String tenant, long amount, Runnable onEvicted) {
    return ask(tenant, amount, null, onEvicted);
  }

  /**
   * What would be said to a tenant that asks for so much of a bound whose holdings are brief; a
   * refusal counts as one, but nothing is taken.
   */
  public Optional<Refusal> refusal(String tenant, long amount) {
    Refusal refusal;
    synchronized (this) {
      Verdict verdict = verdict(tenant, amount, null, nanos.getAsLong());
      if (verdict == Verdict.ENTER) {
        return Optional.empty();
      }
      refusal = refuse(tenant, amount, null, verdict);
    }
    onRefused.accept(refusal);
    return Optional.of(refusal);
  }

  /** How much is held by all. */
  public synchronized long held() {
    return total;
  }

  /** How much one tenant holds. */
  public synchronized long held(String tenant) {
    Holdings mine = holdings.get(tenant);
    return mine == null ? 0 : mine.held;
  }

  Entry grow(Permit permit, long more) {
    if (bound.lasting()) {
      throw new IllegalStateException("what lasts is entered whole: " + bound.name());
    }
    return ask(permit.tenant, more, permit, permit.onEvicted);
  }

  synchronized boolean isOpen(Permit permit) {
    return permit.open;
  }

  synchronized void leave(Permit permit) {
    if (permit.open) {
      give(permit, nanos.getAsLong());
    }
  }

  private Entry ask(String tenant, long amount, @Nullable Permit growing, Runnable onEvicted) {
    if (amount < (bound.lasting() ? 1 : 0)) {
      throw new IllegalArgumentException(amount + " " + bound.what());
    }
    Asked asked = decide(tenant, amount, growing, onEvicted);
    for (Permit permit : asked.evicted) {
      try {
        permit.onEvicted.run();
      } catch (RuntimeException e) {
        LOG.warnf(e, "bound=%s tenant=%s a holding did not end well", bound.name(), permit.tenant);
      }
    }
    if (asked.entry instanceof Refusal refusal) {
      onRefused.accept(refusal);
    }
    return asked.entry;
  }

  private synchronized Asked decide(
      String tenant, long amount, @Nullable Permit growing, Runnable onEvicted) {
    if (growing != null && !growing.open) {
      throw new IllegalStateException("a closed permit of " + bound.name() + " cannot grow");
    }
    long now = nanos.getAsLong();
    Verdict verdict = verdict(tenant, amount, growing, now);
    List<Permit> evicted = List.of();
    if (verdict == Verdict.EVICT) {
      evicted = makeRoom(tenant, total + amount - bound.max(), bound.fair(wanting(tenant)), now);
      verdict = evicted.isEmpty() ? Verdict.FULL : Verdict.ENTER;
    }
    return new Asked(
        verdict == Verdict.ENTER
            ? take(tenant, amount, growing, onEvicted)
            : refuse(tenant, amount, growing, verdict),
        evicted);
  }

  private Verdict verdict(String tenant, long amount, @Nullable Permit growing, long now) {
    idle.forget(now);
    promised.forget(now);
    long held = held(tenant);
    long grown = growing == null ? 0 : growing.amount;
    long toOthers =
        isModest(tenant, amount, growing)
            ? promised.sumBefore(tenant, amount)
            : promised.sumWithout(tenant);
    return bound.decide(held - grown, grown + amount, total - held, wanting(tenant), toOthers);
  }

  private int wanting(String tenant) {
    boolean counted = holdings.containsKey(tenant) || idle.has(tenant);
    return holdings.size() + idle.tenants() + (counted ? 0 : 1);
  }

  private boolean isModest(String tenant, long amount, @Nullable Permit growing) {
    long grown = growing == null ? 0 : growing.amount;
    return bound.isModest(held(tenant) - grown, grown + amount, wanting(tenant));
  }

  private Refusal refuse(String tenant, long amount, @Nullable Permit growing, Verdict verdict) {
    long now = nanos.getAsLong();
    if (isModest(tenant, amount, growing) && amount <= bound.max()) {
      promised.note(tenant, amount, now);
    } else {
      promised.remove(tenant);
    }
    if (!holdings.containsKey(tenant)) {
      idle.note(tenant, 0, now);
    }
    return new Refusal(bound, tenant, held(tenant), verdict == Verdict.OVER_SHARE);
  }

  private Permit take(String tenant, long amount, @Nullable Permit growing, Runnable onEvicted) {
    idle.remove(tenant);
    promised.remove(tenant);
    Holdings mine = holdings.computeIfAbsent(tenant, name -> new Holdings());
    Permit permit = growing == null ? new Permit(this, tenant, 0, onEvicted) : growing;
    permit.amount += amount;
    mine.held += amount;
    mine.oldestFirst.add(permit);
    total += amount;
    return permit;
  }

  private void give(Permit permit, long now) {
    permit.open = false;
    total -= permit.amount;
    Holdings theirs = holdings.get(permit.tenant);
    if (theirs != null) {
      theirs.held -= permit.amount;
      theirs.oldestFirst.remove(permit);
      if (theirs.oldestFirst.isEmpty()) {
        holdings.remove(permit.tenant);
        idle.note(permit.tenant, 0, now);
      }
    }
  }

  /** Takes from those who hold more than an equal part; nothing where that would not suffice. */
  private List<Permit> makeRoom(String asking, long needed, long fair, long now) {
    long spare =
        holdings.entrySet().stream()
            .filter(entry -> !entry.getKey().equals(asking))
            .mapToLong(entry -> Math.max(0, entry.getValue().held - fair))
            .sum();
    if (spare < needed) {
      return List.of();
    }
    List<Permit> evicted = new ArrayList<>();
    for (long freed = 0; freed < needed; ) {
      Holdings greediest =
          holdings.entrySet().stream()
              .filter(entry -> !entry.getKey().equals(asking))
              .map(Map.Entry::getValue)
              .max(Comparator.comparingLong(theirs -> theirs.held))
              .orElseThrow();
      Permit oldest = greediest.oldestFirst.iterator().next();
      give(oldest, now);
      freed += oldest.amount;
      evicted.add(oldest);
    }
    return evicted;
  }
}
