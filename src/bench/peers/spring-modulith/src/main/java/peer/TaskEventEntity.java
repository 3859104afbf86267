package peer;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.IdClass;
import jakarta.persistence.Table;
import java.io.Serializable;
import java.util.UUID;
import org.hibernate.annotations.ColumnTransformer;
import org.springframework.data.domain.Persistable;

@Entity
@Table(name = "task_event")
@IdClass(TaskEventEntity.Key.class)
class TaskEventEntity implements Persistable<TaskEventEntity.Key> {
  @Id String taskId;
  @Id int sequence;
  UUID eventId;

  @Column(columnDefinition = "json")
  @ColumnTransformer(write = "?::json")
  String payload;

  record Key(String taskId, int sequence) implements Serializable {}

  @Override
  public Key getId() {
    return new Key(taskId, sequence);
  }

  @Override
  public boolean isNew() {
    return true;
  }
}
