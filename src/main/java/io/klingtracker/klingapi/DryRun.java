package io.klingtracker.klingapi;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.klingtracker.catalog.Checked;
import io.klingtracker.catalog.Kind;
import io.klingtracker.catalog.UpstreamBody;
import io.klingtracker.json.Body;
import io.klingtracker.task.Cost;
import io.klingtracker.upstream.UpstreamConfig;
import java.math.BigDecimal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a submission would have become.
 *
 * @param upstreamBody the body that would be sent; a task that does not exist has no id and no
 *     token, so these two are shown by their names
 * @param account the account that is tried first
 * @param family what Kling counts the slots for
 * @param slots how many slots it takes
 * @param units what it counts until Kling reports its deduction
 * @param cost the same, and as money
 * @param warnings what Kling takes and is probably not meant
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record DryRun(
    @JsonRawValue String upstreamBody,
    @Nullable String account,
    String family,
    int slots,
    BigDecimal units,
    Cost cost,
    List<String> warnings) {

  static DryRun of(
      Kind kind, Body body, Checked checked, List<String> accounts, UpstreamConfig upstream) {
    String base = upstream.publicUrl().map(Object::toString).orElse("").replaceAll("/+$", "");
    return new DryRun(
        UpstreamBody.of(
            kind,
            body,
            checked.upstreamModel(),
            "{task_id}",
            base + "/callbacks/kling/{task_id}/{token}"),
        accounts.stream().findFirst().orElse(null),
        checked.family().wireName(),
        checked.slots(),
        checked.units(),
        Cost.expected(checked.units()),
        checked.warnings());
  }
}
