package io.klingtracker.task;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A task that another program submits to Kling itself, and that we only watch.
 *
 * @param tenant the owner
 * @param kind for example {@code text2video}
 * @param account the Kling account that it runs on
 * @param klingTaskId Kling's id, when it is known already
 * @param externalTaskId the id that the other program gives to Kling
 * @param model Kling's model name, when the caller gives it
 * @param family which of Kling's slot counts it falls under
 * @param apiKey the id of the API key that it came with, for reports of use
 * @param metadata the caller's own pairs, a JSON object of texts, or null
 */
public record TrackedTask(
    String tenant,
    String kind,
    String account,
    @Nullable String klingTaskId,
    @Nullable String externalTaskId,
    @Nullable String model,
    String family,
    @Nullable UUID apiKey,
    @Nullable String metadata) {

  /** One that came with no key of which anybody keeps count, and no metadata. */
  public TrackedTask(
      String tenant,
      String kind,
      String account,
      @Nullable String klingTaskId,
      @Nullable String externalTaskId,
      @Nullable String model,
      String family) {
    this(tenant, kind, account, klingTaskId, externalTaskId, model, family, null, null);
  }
}
