package io.klingtracker.faults;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Receivers of webhooks that take long, never answer, answer without end, or lead in circles. */
@Attack
final class Row33HostileReceivers extends Row {

  private static final int TASKS_EACH = 8;

  /** How a receiver behaves. */
  private enum Manner {
    HANGS,
    SLOW,
    RESETS,
    ENDLESS_BODY,
    ENDLESS_HEAD,
    REDIRECTS,
    GARBAGE,
    POISON
  }

  Row33HostileReceivers() {
    super(33, "hostile receivers", "others get their webhooks, redirects are not followed; I7 I9");
  }

  @Override
  void attack(Scene scene) throws Exception {
    Tenant hostile = scene.installation().tenant("hostile");
    List<Receiver> receivers = new ArrayList<>();
    try {
      for (Manner manner : Manner.values()) {
        receivers.add(new Receiver(manner));
      }
      for (int i = 0; i < TASKS_EACH; i++) {
        for (Receiver receiver : receivers) {
          Calls.Answer answer =
              scene
                  .installation()
                  .calls()
                  .post(
                      scene.installation().url() + "/kling/v1/videos/text2video",
                      hostile.apiKey(),
                      "{\"model_name\":\"kling-v2-6\",\"prompt\":\"a\",\"callback_url\":\""
                          + receiver.url()
                          + "\"}");
          scene
              .findings()
              .require(answer.ok(), "a hostile receiver is no reason to refuse", answer.toString());
        }
      }
      scene.watch(scene.run().seconds(40));
      Map<Manner, Integer> asked = new TreeMap<>();
      receivers.forEach(receiver -> asked.put(receiver.manner, receiver.posts.get()));
      scene.note("requests to hostile receivers: " + asked);
      for (Receiver receiver : receivers) {
        scene
            .findings()
            .require(
                receiver.others.get() == 0,
                "I7 redirects are not followed",
                receiver.manner + ": " + receiver.others);
        scene
            .findings()
            .require(receiver.posts.get() > 0, "a receiver is tried", receiver.manner + " was not");
      }
    } finally {
      receivers.forEach(Receiver::close);
    }
  }

  /** One of them, on a port of its own. */
  private static final class Receiver implements AutoCloseable {
    private final Manner manner;
    private final ServerSocket listener;
    private final AtomicInteger posts = new AtomicInteger();
    private final AtomicInteger others = new AtomicInteger();
    private final List<Socket> open = java.util.Collections.synchronizedList(new ArrayList<>());
    private final Map<Thread, Boolean> threads = new ConcurrentHashMap<>();
    private volatile boolean closed;

    Receiver(Manner manner) throws IOException {
      this.manner = manner;
      this.listener = new ServerSocket(0, 200, InetAddress.getByName("127.0.0.1"));
      start(this::accept);
    }

    String url() {
      return "http://127.0.0.1:" + listener.getLocalPort() + "/hook";
    }

    private void start(Runnable work) {
      Thread thread = new Thread(work, "receiver-" + manner);
      thread.setDaemon(true);
      threads.put(thread, true);
      thread.start();
    }

    private void accept() {
      while (!closed) {
        try {
          Socket socket = listener.accept();
          open.add(socket);
          start(() -> serve(socket));
        } catch (IOException e) {
          // Closed, or gone before it was accepted.
          continue;
        }
      }
    }

    private void serve(Socket socket) {
      try (socket) {
        InputStream in = socket.getInputStream();
        byte[] buffer = new byte[16 * 1024];
        int read = in.read(buffer);
        String request = new String(buffer, 0, Math.max(0, read), StandardCharsets.ISO_8859_1);
        (request.startsWith("POST /hook ") ? posts : others).incrementAndGet();
        answer(socket, socket.getOutputStream());
      } catch (IOException e) {
        // The service hung up, which is its right.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        open.remove(socket);
      }
    }

    private void answer(Socket socket, OutputStream out) throws IOException, InterruptedException {
      switch (manner) {
        case HANGS -> Thread.sleep(600_000);
        case SLOW -> {
          for (byte one :
              bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + "a".repeat(100))) {
            out.write(one);
            out.flush();
            Thread.sleep(1_000);
          }
        }
        case RESETS -> socket.setSoLinger(true, 0);
        case ENDLESS_BODY -> {
          out.write(bytes("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"));
          byte[] part = new byte[8192];
          Arrays.fill(part, (byte) 'a');
          while (!closed) {
            out.write(bytes("2000\r\n"));
            out.write(part);
            out.write(bytes("\r\n"));
          }
        }
        case ENDLESS_HEAD -> {
          out.write(bytes("HTTP/1.1 200 OK\r\n"));
          for (int i = 0; !closed; i++) {
            out.write(bytes("X-" + i + ": " + "a".repeat(1_000) + "\r\n"));
          }
        }
        case REDIRECTS ->
            out.write(
                bytes(
                    "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/loop\r\nContent-Length: 0\r\n\r\n"
                        .formatted(listener.getLocalPort())));
        case GARBAGE -> out.write(bytes("SSH-2.0-OpenSSH_9.6\r\n\0\0\0\u00ff\u00fe"));
        case POISON -> {
          byte[] body = bytes("{\"a\0b\":\"\\u0000 \\ud800 \u00ff\u00fe\"}");
          out.write(
              bytes("HTTP/1.1 400 \u00ff\u0000\r\nContent-Length: " + body.length + "\r\n\r\n"));
          out.write(body);
        }
      }
    }

    private static byte[] bytes(String text) {
      return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    public void close() {
      closed = true;
      try {
        listener.close();
        for (Socket socket : List.copyOf(open)) {
          socket.close();
        }
      } catch (IOException e) {
        // Closed is all that was wanted.
      }
      threads.keySet().forEach(Thread::interrupt);
    }
  }
}
