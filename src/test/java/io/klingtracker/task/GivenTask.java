package io.klingtracker.task;

import java.math.BigDecimal;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A submission for tests, of which each says what it is about; the rest is as usual. */
public final class GivenTask {

  private final String tenant;
  private String kind = "text2video";
  private String body = "{}";
  private @Nullable String externalTaskId;
  private @Nullable String callbackUrl;
  private String model = "kling-v3";
  private @Nullable String slotModel;
  private int slots = 1;
  private @Nullable BigDecimal units;
  private int priority = 5;
  private @Nullable Instant deadline;
  private NewTask.@Nullable Idempotency key;
  private @Nullable String account;
  private @Nullable String metadata;
  private boolean unnamed;

  private GivenTask(String tenant) {
    this.tenant = tenant;
  }

  /** A tenant's, text to video. */
  public static GivenTask of(String tenant) {
    return new GivenTask(tenant);
  }

  /** Of another kind. */
  public GivenTask kind(String kind) {
    this.kind = kind;
    return this;
  }

  /** With a body to the letter. */
  public GivenTask body(String body) {
    this.body = body;
    return this;
  }

  /** With an id of the caller's, or none. */
  public GivenTask externalTaskId(@Nullable String externalTaskId) {
    this.externalTaskId = externalTaskId;
    return this;
  }

  /** To be told of at a URL, or not. */
  public GivenTask callbackUrl(@Nullable String callbackUrl) {
    this.callbackUrl = callbackUrl;
    return this;
  }

  /** For a model, whose slots it takes. */
  public GivenTask model(String model) {
    this.model = model;
    return this;
  }

  /** On slots of another model than its own. */
  public GivenTask onSlotsOf(@Nullable String slotModel) {
    this.slotModel = slotModel;
    return this;
  }

  /** With so many slots. */
  public GivenTask slots(int slots) {
    this.slots = slots;
    return this;
  }

  /** At a price. */
  public GivenTask units(String units) {
    this.units = new BigDecimal(units);
    return this;
  }

  /** Before or behind others; 9 is first. */
  public GivenTask priority(int priority) {
    this.priority = priority;
    return this;
  }

  /** Not to be sent after this. */
  public GivenTask deadline(@Nullable Instant deadline) {
    this.deadline = deadline;
    return this;
  }

  /** Safe to submit again, or not. */
  public GivenTask key(NewTask.@Nullable Idempotency key) {
    this.key = key;
    return this;
  }

  /** For one account, or any. */
  public GivenTask account(@Nullable String account) {
    this.account = account;
    return this;
  }

  /** With pairs of the caller's, a JSON object. */
  public GivenTask metadata(String metadata) {
    this.metadata = metadata;
    return this;
  }

  /** Of a model of which Kling keeps no id of ours. */
  public GivenTask unnamed() {
    this.unnamed = true;
    return this;
  }

  /** The submission. */
  public NewTask task() {
    return new NewTask(
        tenant,
        kind,
        body,
        externalTaskId,
        callbackUrl,
        model,
        model,
        "video",
        slotModel == null ? model : slotModel,
        slots,
        units,
        priority,
        deadline,
        key,
        null,
        account,
        metadata,
        unnamed);
  }

  /** Submits it; its id. */
  public String submit(Tasks tasks) {
    return ((Submission.Stored) tasks.submit(task())).taskId();
  }
}
