package io.klingtracker.start;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.klingtracker.time.Rfc3339;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.logging.Handler;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jboss.logmanager.ExtFormatter;
import org.jboss.logmanager.ExtHandler;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.LogContext;
import org.jboss.logmanager.handlers.ConsoleHandler;

/**
 * The log as JSON, a record on each line: {@code timestamp, level, logger, thread, message}, {@code
 * error} with the trace where there is one, and {@code ids}: whatever the message names as {@code
 * taskId=…} and the like, and what the thread's context has, the trace among it.
 */
@Singleton
class JsonLog {

  /** Before the migrations, the first that log. */
  private static final int FIRST = 0;

  void onStart(@Observes @Priority(FIRST) StartupEvent start, LogConfig config) {
    if (config.json()) {
      use(LogContext.getLogContext().getLogger("").getHandlers());
    }
  }

  /** Has every console below some handlers write JSON. */
  static void use(Handler... handlers) {
    for (Handler handler : handlers) {
      if (handler instanceof ConsoleHandler console) {
        console.setFormatter(new Format());
      } else if (handler instanceof ExtHandler several) {
        use(several.getHandlers());
      }
    }
  }

  /** One record. */
  static final class Format extends ExtFormatter {

    /** As our messages name what they are about. */
    private static final Pattern ID =
        Pattern.compile("(?<![\\w.-])([a-z]+Id|account|tenant|errorCode)=(\\S+)");

    private final ObjectMapper json = new ObjectMapper();

    @Override
    public String format(ExtLogRecord entry) {
      ObjectNode line = json.createObjectNode();
      line.put("timestamp", Rfc3339.format(entry.getInstant()));
      line.put("level", entry.getLevel().getName());
      line.put("logger", entry.getLoggerName());
      line.put("thread", entry.getThreadName());
      String message = entry.getFormattedMessage();
      line.put("message", message);
      ObjectNode ids = json.createObjectNode();
      entry.getMdcCopy().forEach(ids::put);
      Matcher id = ID.matcher(String.valueOf(message));
      while (id.find()) {
        ids.put(id.group(1), id.group(2));
      }
      if (!ids.isEmpty()) {
        line.set("ids", ids);
      }
      if (entry.getThrown() != null) {
        StringWriter trace = new StringWriter();
        entry.getThrown().printStackTrace(new PrintWriter(trace));
        line.put("error", trace.toString());
      }
      try {
        return json.writeValueAsString(line) + "\n";
      } catch (JsonProcessingException e) {
        throw new IllegalStateException("texts are JSON", e);
      }
    }
  }
}
