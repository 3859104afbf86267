package io.klingtracker.task;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A checked submission.
 *
 * @param tenant the owner
 * @param kind for example {@code text2video}
 * @param body the caller's body to the letter
 * @param externalTaskId the caller's own id
 * @param callbackUrl where the caller wants to be notified
 * @param model public model name
 * @param upstreamModel Kling's model name
 * @param family which of Kling's slot counts it falls under
 * @param slotModel the model whose slots it takes: a known name, or one name for all others
 * @param slots how many slots it takes
 * @param units what it should cost by the price table
 * @param priority 1 to 9, 9 first
 * @param deadline not to be dispatched after this
 * @param idempotency the caller's Idempotency-Key, or null
 * @param apiKey the id of the API key that it came with, for reports of use
 * @param account the Kling account that it has to go to; null for any
 * @param metadata the caller's own pairs, a JSON object of texts, or null
 * @param unnamed whether Kling keeps no id of ours of it
 */
public record NewTask(
    String tenant,
    String kind,
    String body,
    @Nullable String externalTaskId,
    @Nullable String callbackUrl,
    @Nullable String model,
    @Nullable String upstreamModel,
    String family,
    @Nullable String slotModel,
    int slots,
    @Nullable BigDecimal units,
    int priority,
    @Nullable Instant deadline,
    @Nullable Idempotency idempotency,
    @Nullable UUID apiKey,
    @Nullable String account,
    @Nullable String metadata,
    boolean unnamed) {

  /**
   * A retry-safe submission.
   *
   * @param key the Idempotency-Key, unique per tenant
   * @param requestHash SHA-256 of path and body
   * @param requestId the request id of the first answer, which a replay repeats
   */
  @SuppressWarnings("ArrayRecordComponent") // compared with MessageDigest, never as a record
  public record Idempotency(String key, byte[] requestHash, UUID requestId) {}
}
