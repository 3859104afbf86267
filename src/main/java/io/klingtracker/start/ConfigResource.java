package io.klingtracker.start;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.klingtracker.tenant.Admin;
import io.smallrye.config.SmallRyeConfig;
import jakarta.inject.Singleton;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.config.ConfigProvider;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** What this replica runs with. */
@Path("/admin/v1/config")
@Produces(MediaType.APPLICATION_JSON)
@Singleton
public class ConfigResource {

  /**
   * The settings of the replica that answers, by name.
   *
   * @param settings every one of the service, and of the platform's those that somebody set
   */
  public record ConfigView(List<SettingView> settings) {}

  /**
   * A setting.
   *
   * @param key its whole name
   * @param value in use, as it is written; {@code ****} for a secret, null where it is not set
   * @param origin {@code environment}, {@code system property}, {@code file …}, {@code built-in},
   *     {@code default}; null where it is not set
   * @param standard what it is without being set; null where there is none
   */
  public record SettingView(
      String key,
      @Nullable String value,
      @Nullable String origin,
      @JsonProperty("default") @Nullable String standard) {}

  /** All of them, secrets masked. */
  @GET
  @Admin
  @Operation(summary = "The settings of this replica: value, origin and default; secrets masked")
  public ConfigView view() {
    SmallRyeConfig config = ConfigProvider.getConfig().unwrap(SmallRyeConfig.class);
    return new ConfigView(
        EffectiveConfig.of(config, KnownSettings.of(StartupCheck.MAPPINGS)).stream()
            .map(
                setting ->
                    new SettingView(
                        setting.key(), setting.value(), setting.origin(), setting.standard()))
            .toList());
  }
}
