package io.klingtracker.catalog;

import java.math.BigDecimal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request that Kling should take, and what we need to know of it.
 *
 * @param kind what it asks for
 * @param model the public model name, given or default; null where the kind has none
 * @param upstreamModel Kling's name of the model
 * @param slotModel the name its slots go by, see {@link ModelMapping#slotModel}
 * @param externalTaskId the caller's own id, if any
 * @param callbackUrl the caller's callback address, if any
 * @param slots how many of Kling's slots it takes
 * @param units what it counts until Kling reports its deduction
 * @param retirement that its model is to be switched off, and when; null while that is far
 * @param warnings what is taken and probably not meant
 */
public record Checked(
    Kind kind,
    @Nullable String model,
    @Nullable String upstreamModel,
    String slotModel,
    @Nullable String externalTaskId,
    @Nullable String callbackUrl,
    int slots,
    BigDecimal units,
    @Nullable String retirement,
    List<String> warnings) {

  /** What the slots are counted for. */
  public Family family() {
    return kind.family();
  }
}
