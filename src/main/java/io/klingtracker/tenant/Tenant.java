package io.klingtracker.tenant;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.hibernate.annotations.JdbcTypeCode;
import org.hibernate.type.SqlTypes;
import org.jspecify.annotations.Nullable;

/** An owner of tasks and keys. */
@Entity
@Table(name = "tenant")
class Tenant {

  private static final Pattern ID = Pattern.compile("[a-z0-9][a-z0-9_-]{0,62}");

  @Id String id;

  String name;

  @Column(name = "max_queued")
  @Nullable Integer maxQueued;

  @Column(name = "units_per_day")
  @Nullable BigDecimal unitsPerDay;

  @Column(name = "units_per_month")
  @Nullable BigDecimal unitsPerMonth;

  @Column(name = "amount_per_month")
  @Nullable BigDecimal amountPerMonth;

  /** Its share of slots beside the other tenants that wait for the same ones. */
  short weight = 1;

  @JdbcTypeCode(SqlTypes.JSON)
  Map<String, String> models;

  /** Kling accounts for tracking; null is not decided, see V1. */
  @JdbcTypeCode(SqlTypes.ARRAY)
  @Column(name = "track_accounts")
  @Nullable List<String> trackAccounts;

  /** How long its ended tasks are kept; null as configured. */
  @Column(name = "retention_seconds")
  @Nullable Long retentionSeconds;

  @Column(name = "suspended_at")
  @Nullable Instant suspendedAt;

  /** Since when it is being deleted, if it is. */
  @Column(name = "deleting_at")
  @Nullable Instant deletingAt;

  @Column(name = "created_at")
  Instant createdAt;

  protected Tenant() {}

  Tenant(String id, String name, Instant createdAt) {
    this.id = id;
    this.name = name;
    this.models = Map.of();
    this.createdAt = createdAt;
  }

  /** Whether a text could be the id of one. */
  static boolean isId(String text) {
    return ID.matcher(text).matches();
  }
}
