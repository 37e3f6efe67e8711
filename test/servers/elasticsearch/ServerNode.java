import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One real Elasticsearch node: ServerNode HOME MODULES SETTING=VALUE...
 * Prints "ready" when it takes requests; SIGTERM closes it. Node is started itself: the server's own Bootstrap refuses root
 * and wants the whole distribution.
 */
public final class ServerNode {
    public static void main(String[] args) throws Exception {
        LogConfigurator.configureESLogging();
        Settings.Builder settings = Settings.builder().put("path.home", args[0]);
        for (String arg : List.of(args).subList(2, args.length)) {
            String[] pair = arg.split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        Environment environment = InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), null, () -> "forebear");
        // Last argument: no named Java modules, as the server lies on the class path here.
        Node node = new Node(environment, PluginsLoader.createPluginsLoader(modules(Path.of(args[1])), Set.of(), Map.of(), false));
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try (node) {
                stopped.countDown();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        node.start();
        System.out.println("ready");
        stopped.await();
    }

    /** 8.x takes the folder, 9.x also whether it is stateless. */
    @SuppressWarnings("unchecked")
    private static Set<PluginBundle> modules(Path folder) throws ReflectiveOperationException {
        Method load = Stream.of(PluginsLoader.class.getMethods()).filter(m -> m.getName().equals("loadModulesBundles")).findFirst().orElseThrow();
        return (Set<PluginBundle>) (load.getParameterCount() == 1 ? load.invoke(null, folder) : load.invoke(null, folder, false));
    }
}
