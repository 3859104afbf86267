package io.klingtracker.tenant;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.time.Instant;

/** An owner of tasks and keys. */
@Entity
@Table(name = "tenant")
class Tenant {

  @Id String id;

  String name;

  @Column(name = "created_at")
  Instant createdAt;

  protected Tenant() {}

  Tenant(String id, String name, Instant createdAt) {
    this.id = id;
    this.name = name;
    this.createdAt = createdAt;
  }
}
