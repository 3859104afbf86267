package peer;

import jakarta.persistence.EntityManager;
import jakarta.persistence.LockModeType;
import java.time.Instant;
import java.util.UUID;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Profile;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/** With entities, as the guides show it. */
@Service
@Profile("jpa")
class JpaTasks implements Tasks {

  private final EntityManager entities;
  private final ApplicationEventPublisher events;

  JpaTasks(EntityManager entities, ApplicationEventPublisher events) {
    this.entities = entities;
    this.events = events;
  }

  @Override
  @Transactional
  public void move(String id, String status, int rank, String result) {
    TaskEntity task = entities.find(TaskEntity.class, id, LockModeType.PESSIMISTIC_WRITE);
    if (task == null || task.rank >= rank) {
      return;
    }
    task.status = status;
    task.rank = rank;
    task.sequence++;
    task.result = result;
    task.updatedAt = Instant.now();
    TaskEventEntity event = new TaskEventEntity();
    event.taskId = id;
    event.sequence = task.sequence;
    event.eventId = UUID.randomUUID();
    event.payload = "{\"status\":\"" + status + "\"}";
    entities.persist(event);
    events.publishEvent(new TaskChanged(id, task.sequence, status));
  }
}
