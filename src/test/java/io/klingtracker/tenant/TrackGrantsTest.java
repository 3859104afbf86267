package io.klingtracker.tenant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestDatabase;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Who may track on which account: alone, and beside others. */
class TrackGrantsTest {

  @RegisterExtension static final TestDatabase database = TestDatabase.fresh();

  private static final List<String> CONFIGURED = List.of("first", "second");

  @Test
  void one_alone_has_what_is_configured_and_keeps_it_when_another_comes() {
    Jdbi jdbi = database.jdbi();
    KeyStore store =
        new KeyStore(
            jdbi,
            new ObjectMapper(),
            Clock.systemUTC(),
            Settings.of(
                KlingConfig.class,
                Map.of("kling.accounts.first.api-key", "k", "kling.accounts.second.api-key", "k")));

    keepTheOnlyOnes(jdbi);
    tenant(jdbi, "alone");
    assertEquals(Set.of("first", "second"), accounts(store, "alone"));
    keepTheOnlyOnes(jdbi);
    tenant(jdbi, "another");
    assertEquals(Set.of("first", "second"), accounts(store, "alone"));
    assertEquals(Set.of(), accounts(store, "another"));
    keepTheOnlyOnes(jdbi);
    tenant(jdbi, "third");
    assertEquals(Set.of(), accounts(store, "another"));
  }

  private static Set<String> accounts(KeyStore store, String tenant) {
    return store.tenant(tenant).orElseThrow().trackAccounts();
  }

  private static void keepTheOnlyOnes(Jdbi jdbi) {
    jdbi.useHandle(
        h ->
            h.createUpdate(TenantRepository.KEEP_THE_ONLY_ONES)
                .bindArray("configured", String.class, CONFIGURED)
                .execute());
  }

  private static void tenant(Jdbi jdbi, String id) {
    Rows.tenants(jdbi, id);
  }
}
