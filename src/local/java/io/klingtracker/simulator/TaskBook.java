package io.klingtracker.simulator;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** All tasks of the simulated Kling: who may start one, which there are, how far each is. */
final class TaskBook implements AutoCloseable {

  private static final String FAIL_WORD = "[fail]";

  private final SimulatorSettings settings;
  private final Ledger ledger;
  private final Snowflakes ids;
  private final Random random;
  private final Map<String, SimulatedTask> byId = new LinkedHashMap<>();
  private final Map<String, SimulatedTask> byExternalId = new HashMap<>();
  private final Map<String, List<SimulatedTask>> byProduct = new HashMap<>();
  private final Map<String, Integer> running = new HashMap<>();
  private final Map<String, BigDecimal> spent = new HashMap<>();
  private @Nullable Journal journal;

  TaskBook(SimulatorSettings settings, Ledger ledger) {
    this.settings = settings;
    this.ledger = ledger;
    this.ids = new Snowflakes(settings.seed);
    this.random = new Random(settings.seed);
  }

  /** Reads the tasks of earlier runs and begins to keep new ones. */
  synchronized Collection<SimulatedTask> open() {
    Path directory = settings.directory;
    if (directory == null) {
      return List.of();
    }
    long oldest = settings.clock.millis() - settings.listedFor.toMillis();
    List<SimulatedTask> known =
        List.copyOf(Journal.read(directory, order -> order.createdAt() >= oldest).values());
    known.forEach(this::index);
    journal = Journal.open(directory, known);
    return known;
  }

  private void index(SimulatedTask task) {
    SimulatedTask.Order order = task.order;
    byId.put(order.id(), task);
    ids.above(order.resultId());
    if (order.externalId() != null) {
      byExternalId.put(externalKey(order.account(), order.externalId()), task);
    }
    byProduct.computeIfAbsent(order.account() + order.path(), key -> new ArrayList<>()).add(task);
    spent.merge(order.account(), order.units(), BigDecimal::add);
    if (!task.isFinal()) {
      ledger.running(order.slotKey(), running.merge(order.slotKey(), order.slots(), Integer::sum));
    }
  }

  private static String externalKey(String account, String externalId) {
    return account + "\n" + externalId;
  }

  /** Accepts a create, or refuses it by the first check that fails. */
  synchronized SimulatedTask create(
      String account, Product product, CreateBody body, @Nullable Fault render) {
    for (SimulatorSettings.Check check : settings.checks) {
      switch (check) {
        case DUPLICATE -> refuseDuplicate(account, body);
        case BALANCE -> refuseWithoutBalance(account, body);
        case CONCURRENCY -> refuseWithoutSlot(account, product, body);
        case PARAMETERS -> {
          // Done when the body was read.
        }
      }
    }
    long now = settings.clock.millis();
    boolean fails =
        render instanceof Fault.RenderFails
            || body.prompt().contains(FAIL_WORD)
            || random.nextDouble() < settings.failRate;
    String message = "";
    if (fails) {
      message = render instanceof Fault.RenderFails r ? r.message() : "Image pixel is invalid";
    }
    long submittedFor = settings.submittedFor.toMillis();
    long rendersFor = settings.rendersFor.toMillis();
    if (render instanceof Fault.RenderTakes takes) {
      submittedFor = takes.submittedMillis();
      rendersFor = takes.totalMillis();
    }
    SimulatedTask.Order order =
        new SimulatedTask.Order(
            ids.next(now),
            ids.next(now),
            account,
            product.path(),
            body.model(),
            body.slots(),
            body.count(),
            body.externalId(),
            body.callbackUrl(),
            body.watermark(),
            body.seconds(),
            body.units(),
            now,
            now + submittedFor,
            now + Math.max(rendersFor, submittedFor),
            fails ? "failed" : "succeed",
            message,
            body.prompt());
    SimulatedTask task = new SimulatedTask(order);
    index(task);
    ledger.accepted(
        new Ledger.Create(
            order.id(),
            order.externalId(),
            account,
            product.path(),
            order.model(),
            order.units(),
            order.callbackUrl(),
            body.prompt(),
            now));
    journal(j -> j.writeCreated(task));
    return task;
  }

  private void refuseDuplicate(String account, CreateBody body) {
    if (body.externalId() == null) {
      return;
    }
    SimulatedTask known = byExternalId.get(externalKey(account, body.externalId()));
    boolean refused =
        known != null
            && switch (settings.duplicates) {
              case REFUSE -> true;
              case REFUSE_UNLESS_FAILED -> !known.status.equals("failed");
              case ACCEPT -> false;
            };
    if (refused) {
      throw Refusal.invalid("External_task_id " + body.externalId() + " already exists");
    }
  }

  private void refuseWithoutBalance(String account, CreateBody body) {
    Double balance = settings.balance;
    if (balance != null
        && spent
                .getOrDefault(account, BigDecimal.ZERO)
                .add(body.units())
                .compareTo(BigDecimal.valueOf(balance))
            > 0) {
      throw new Refusal(429, 1102, "Account balance not enough");
    }
  }

  private void refuseWithoutSlot(String account, Product product, CreateBody body) {
    String key = account + "/" + product.family() + "/" + body.model();
    if (product.family() != Product.Family.OTHER
        && running.getOrDefault(key, 0) + body.slots() > settings.slots) {
      throw new Refusal(429, 1303, "parallel task over resource pack limit");
    }
  }

  /**
   * Moves a task forward.
   *
   * @return whether it moved; it does not move back or out of its end
   */
  synchronized boolean move(SimulatedTask task, String status, String message) {
    boolean forgotten = byId.get(task.order.id()) != task;
    if (forgotten || task.isFinal() || task.status.equals(status)) {
      return false;
    }
    task.status = status;
    task.message = message;
    task.updatedAt = Math.max(settings.clock.millis(), task.updatedAt);
    task.calledBack = false;
    if (task.isFinal()) {
      running.merge(task.order.slotKey(), -task.order.slots(), Integer::sum);
      if (status.equals("failed") && settings.refundsFailed) {
        spent.merge(task.order.account(), task.order.units().negate(), BigDecimal::add);
      }
    }
    journal(j -> j.writeMoved(task));
    return true;
  }

  synchronized void calledBack(SimulatedTask task) {
    task.calledBack = true;
    journal(j -> j.writeTold(task));
  }

  private void journal(Consumer<Journal> write) {
    if (journal != null) {
      write.accept(journal);
    }
  }

  /** A task of this account by id or external id; of any product when the path is null. */
  synchronized @Nullable SimulatedTask find(String account, @Nullable String path, String id) {
    SimulatedTask task = byId.get(id);
    if (task == null) {
      task = byExternalId.get(externalKey(account, id));
    }
    return task != null
            && task.order.account().equals(account)
            && (path == null || task.order.path().equals(path))
        ? task
        : null;
  }

  /** A task of any account, by id or external id. */
  synchronized @Nullable SimulatedTask find(String id) {
    SimulatedTask task = byId.get(id);
    if (task != null) {
      return task;
    }
    for (SimulatedTask candidate : byId.values()) {
      if (id.equals(candidate.order.externalId())) {
        return candidate;
      }
    }
    return null;
  }

  synchronized List<SimulatedTask> page(String account, String path, int number, int size) {
    List<SimulatedTask> all = byProduct.getOrDefault(account + path, List.of());
    List<SimulatedTask> page = new ArrayList<>();
    long first = (number - 1L) * size;
    for (long i = first; i < Math.min(first + size, all.size()); i++) {
      page.add(all.get((int) (settings.listsNewestFirst ? all.size() - 1 - i : i)));
    }
    return page;
  }

  /** Every task of an account that was made in this span, oldest first. */
  synchronized List<SimulatedTask> between(String account, long start, long end) {
    return byId.values().stream()
        .filter(task -> task.order.account().equals(account))
        .filter(task -> task.order.createdAt() >= start && task.order.createdAt() <= end)
        .toList();
  }

  /** Units that an account has spent. */
  synchronized BigDecimal spent(String account) {
    return spent.getOrDefault(account, BigDecimal.ZERO);
  }

  synchronized int size() {
    return byId.size();
  }

  /** Forgets all tasks. */
  synchronized void clear() {
    byId.clear();
    byExternalId.clear();
    byProduct.clear();
    running.clear();
    spent.clear();
    if (journal != null && settings.directory != null) {
      journal.close();
      journal = Journal.open(settings.directory, Collections.emptyList());
    }
  }

  @Override
  public synchronized void close() {
    if (journal != null) {
      journal.close();
      journal = null;
    }
  }
}
