package peer;

import org.springframework.modulith.events.Externalized;

/** What Spring Modulith stores with the change and then sends to Kafka. */
@Externalized
public record TaskChanged(String taskId, int sequence, String status) {}
