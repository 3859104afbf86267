package io.klingtracker.dispatch;

import io.klingtracker.catalog.ModelMapping;
import io.klingtracker.database.Columns;
import io.klingtracker.upstream.KnownModels;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import org.jdbi.v3.core.Handle;

/**
 * Keeps what goes by a model's name to names that are known: tasks of others, whose mapping was
 * taken away, take slots of {@link ModelMapping#OTHER}, and what was kept of names that nobody uses
 * any more goes.
 */
@Singleton
class ModelSweep {

  private static final String KNOWN =
      """
      with known as (
        select unnest(cast(:known as text[])) as name
        union select m.value from tenant t cross join jsonb_each_text(t.models) m where m.value is not null
      )
      """;

  private static final List<String> STATEMENTS =
      List.of(
          "update dispatch_queue set model = '%s' where model not in (select name from known)"
              .formatted(ModelMapping.OTHER),
          "update open_task set model = '%s' where slots > 0 and model not in (select name from known)"
              .formatted(ModelMapping.OTHER),
          // An empty model is the whole family's state.
          "delete from account_pool where model <> '' and model not in (select name from known)",
          "delete from sample where series = 'render' and model not in (select name from known)");

  /**
   * Where nothing waits for a model any more a busy time of its queue is over, and the next begins
   * with everybody level.
   */
  private static final String TURNS =
      """
      delete from dispatch_turn d
      where not exists (select from dispatch_queue q where q.family = d.family and q.model = d.model)
      """;

  private final PoolStore pools;
  private final KnownModels models;

  @Inject
  ModelSweep(PoolStore pools, KnownModels models) {
    this.pools = pools;
    this.models = models;
  }

  /** Under the lock of claims, which count slots by these names. */
  void run() {
    pools.exclusively(
        handle -> {
          STATEMENTS.forEach(statement -> sweep(handle, statement));
          return handle.execute(TURNS);
        });
  }

  private void sweep(Handle handle, String statement) {
    Columns.of(handle.createUpdate(KNOWN + statement), models.all())
        .texts("known", model -> model)
        .rest()
        .execute();
  }
}
