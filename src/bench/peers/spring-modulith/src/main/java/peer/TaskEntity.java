package peer;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.time.Instant;
import org.hibernate.annotations.ColumnTransformer;

@Entity
@Table(name = "task")
class TaskEntity {
  @Id String id;
  String status;
  int rank;
  int sequence;

  @Column(columnDefinition = "json")
  @ColumnTransformer(write = "?::json")
  String result;

  Instant updatedAt;
}
