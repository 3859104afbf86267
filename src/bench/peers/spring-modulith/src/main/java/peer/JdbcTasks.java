package peer;

import java.util.UUID;
import org.springframework.context.ApplicationEventPublisher;
import org.springframework.context.annotation.Profile;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/** With one statement for the change and its event. */
@Service
@Profile("jdbc")
class JdbcTasks implements Tasks {

  private final JdbcClient jdbc;
  private final ApplicationEventPublisher events;

  JdbcTasks(JdbcClient jdbc, ApplicationEventPublisher events) {
    this.jdbc = jdbc;
    this.events = events;
  }

  @Override
  @Transactional
  public void move(String id, String status, int rank, String result) {
    jdbc.sql(
            """
            with moved as (
              update task set status = ?, rank = ?, sequence = sequence + 1, result = ?::json, updated_at = now()
              where id = ? and rank < ?
              returning id, status, sequence
            )
            insert into task_event (task_id, sequence, event_id, payload)
            select id, sequence, ?, to_json(moved) from moved
            returning sequence
            """)
        .params(status, rank, result, id, rank, UUID.randomUUID())
        .query(Integer.class)
        .optional()
        .ifPresent(sequence -> events.publishEvent(new TaskChanged(id, sequence, status)));
  }
}
