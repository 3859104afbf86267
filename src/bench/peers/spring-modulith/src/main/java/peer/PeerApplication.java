package peer;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.modulith.events.EventExternalizationConfiguration;
import org.springframework.modulith.events.RoutingTarget;

@SpringBootApplication
public class PeerApplication {

  public static void main(String[] args) {
    SpringApplication.run(PeerApplication.class, args);
  }

  /** A task's events to one partition of the run's topic. */
  @Bean
  EventExternalizationConfiguration externalization(@Value("${PEER_TOPIC}") String topic) {
    return EventExternalizationConfiguration.externalizing()
        .select(EventExternalizationConfiguration.annotatedAsExternalized())
        .route(TaskChanged.class, event -> RoutingTarget.forTarget(topic).andKey(event.taskId()))
        .build();
  }
}
