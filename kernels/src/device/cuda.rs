//! CUDA's driver, by cudarc, loaded at run time.
//!
//! Invariant: a context is made current before anything is asked of it, on whatever thread.

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use cudarc::driver::{CudaContext, CudaEvent, CudaGraph, CudaStream, DriverError, result, sys};

use super::{DeviceFault, FaultKind, Gpu, Grid, NoGpu, Params};

/// All kernels, compiled for every card that is served; none if there was no compiler.
static IMAGES: &[&[u8]] = include!(concat!(env!("OUT_DIR"), "/images.rs"));
/// What no driver takes.
static NO_IMAGE: &[u8] = &[0; 64];

type Result<T> = std::result::Result<T, DeviceFault>;

pub(super) fn gpus() -> std::result::Result<Vec<Gpu>, NoGpu> {
    static GPUS: OnceLock<std::result::Result<Vec<Gpu>, NoGpu>> = OnceLock::new();
    GPUS.get_or_init(find).clone()
}

fn find() -> std::result::Result<Vec<Gpu>, NoGpu> {
    // SAFETY: loading the library of the driver runs its initialisers, as any program that uses a GPU does.
    if !unsafe { sys::is_culib_present() } {
        return Err(NoGpu::NoDriver);
    }
    let said = |error: DriverError| {
        if error.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE { NoGpu::None } else { NoGpu::Driver(name(error)) }
    };
    result::init().map_err(said)?;
    let count = result::device::get_count().map_err(said)?;
    let gpu = |ordinal: usize| -> std::result::Result<Gpu, DriverError> {
        let device = result::device::get(ordinal as i32)?;
        // SAFETY: the device is there.
        let attribute = |of| unsafe { result::device::get_attribute(device, of) };
        let number = |of| attribute(of).map(|n| u32::try_from(n).unwrap_or(0));
        use sys::CUdevice_attribute as Attribute;
        Ok(Gpu {
            ordinal,
            name: result::device::get_name(device)?,
            uuid: result::device::get_uuid(device)?.bytes.iter().map(|b| format!("{:02x}", *b as u8)).collect(),
            capability: (
                number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
            // SAFETY: the device is there.
            memory: unsafe { result::device::total_mem(device)? },
            processors: number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as usize,
        })
    };
    let found = (0..usize::try_from(count).unwrap_or(0)).map(gpu).collect::<std::result::Result<Vec<_>, _>>();
    let found = found.map_err(said)?;
    if found.is_empty() {
        return Err(NoGpu::None);
    }
    Ok(found)
}

fn name(error: DriverError) -> String {
    error.error_name().map_or_else(|_| format!("error {}", error.0 as u32), |n| n.to_string_lossy().into_owned())
}

fn fault(ordinal: usize) -> impl Fn(DriverError) -> DeviceFault {
    move |error| {
        let memory = error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY;
        let kind = if memory { FaultKind::OutOfMemory } else { FaultKind::Failed };
        DeviceFault { ordinal, kind, said: name(error) }
    }
}

/// A GPU with its kernels loaded. All users of one share it.
pub(crate) struct Device {
    context: Arc<CudaContext>,
    ordinal: usize,
    modules: Vec<sys::CUmodule>,
}

// SAFETY: the driver's objects may be used from any thread in which their context is current.
unsafe impl Send for Device {}
// SAFETY: the same; the driver locks.
unsafe impl Sync for Device {}

static OPEN: Mutex<BTreeMap<usize, Weak<Device>>> = Mutex::new(BTreeMap::new());

impl Device {
    /// Opens a GPU, or gives the one that is open.
    pub(crate) fn open(ordinal: usize) -> Result<Arc<Self>> {
        let said = |said: NoGpu| DeviceFault { ordinal, kind: FaultKind::Failed, said: said.to_string() };
        if gpus().map_err(said)?.len() <= ordinal {
            return Err(said(NoGpu::None));
        }
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = open.get(&ordinal).and_then(Weak::upgrade) {
            return Ok(device);
        }
        let failed = fault(ordinal);
        let context = CudaContext::new(ordinal).map_err(&failed)?;
        let images = if IMAGES.is_empty() { &[NO_IMAGE] } else { IMAGES };
        let load = |image: &&[u8]| {
            // SAFETY: the image is one that nvcc made, or none.
            let module = unsafe { result::module::load_data(image.as_ptr().cast()) };
            module.map_err(|error| if IMAGES.is_empty() { said(NoGpu::NoKernels) } else { failed(error) })
        };
        let modules = images.iter().map(load).collect::<Result<_>>()?;
        let device = Arc::new(Self { context, ordinal, modules });
        open.insert(ordinal, Arc::downgrade(&device));
        Ok(device)
    }

    /// Throws away all that a GPU has: memory, kernels, errors. For one that failed, when nobody uses it any more.
    pub(crate) fn reset(ordinal: usize) -> Result<()> {
        let failed = fault(ordinal);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&ordinal).is_some_and(|device| device.strong_count() > 0) {
            return Err(DeviceFault { ordinal, kind: FaultKind::Failed, said: "it is still in use".into() });
        }
        open.remove(&ordinal);
        let device = result::device::get(ordinal as i32).map_err(&failed)?;
        // SAFETY: nobody of this process uses the primary context.
        unsafe { sys::cuDevicePrimaryCtxReset_v2(device) }.result().map_err(&failed)
    }

    /// Its number.
    pub(crate) fn ordinal(&self) -> usize {
        self.ordinal
    }

    /// A kernel by its name, which may use so much dynamic shared memory.
    pub(crate) fn function(&self, name: &str, shared: usize) -> Result<Function> {
        let failed = fault(self.ordinal);
        self.context.bind_to_thread().map_err(&failed)?;
        let missing =
            |_| DeviceFault { ordinal: self.ordinal, kind: FaultKind::Failed, said: format!("no kernel {name}") };
        let c_name = CString::new(name).map_err(|_| missing(()))?;
        // SAFETY: the modules are loaded as long as the device is open.
        let of = |module: &sys::CUmodule| unsafe { result::module::get_function(*module, c_name.clone()) }.ok();
        let function = self.modules.iter().find_map(of).ok_or_else(|| missing(()))?;
        if shared > SHARED_WITHOUT_ASKING {
            // As much as there is: a function has one bound, whoever launches it, and what a launch takes is its own.
            let most =
                self.context.attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
            let attribute = sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: the function is there.
            unsafe { result::function::set_function_attribute(function, attribute, most.map_err(&failed)?) }
                .map_err(&failed)?;
        }
        Ok(Function(function))
    }

    /// Device memory; what is in it is not known.
    pub(crate) fn allocate(self: &Arc<Self>, bytes: usize) -> Result<Buffer> {
        let failed = fault(self.ordinal);
        self.context.bind_to_thread().map_err(&failed)?;
        // SAFETY: freed when dropped.
        let address = unsafe { result::malloc_sync(bytes.max(1)) }.map_err(&failed)?;
        Ok(Buffer { device: Arc::clone(self), address, bytes })
    }

    /// Host memory that the device reads and writes by itself, zeroed.
    pub(crate) fn pinned(self: &Arc<Self>, bytes: usize) -> Result<Pinned> {
        let failed = fault(self.ordinal);
        self.context.bind_to_thread().map_err(&failed)?;
        // SAFETY: freed when dropped; so many bytes are there.
        unsafe {
            let start = result::malloc_host(bytes.max(1), 0).map_err(&failed)?.cast::<u8>();
            start.write_bytes(0, bytes);
            Ok(Pinned { device: Arc::clone(self), start, bytes })
        }
    }

    /// A stream of its own.
    pub(crate) fn stream(self: &Arc<Self>) -> Result<Stream> {
        self.context.bind_to_thread().map_err(fault(self.ordinal))?;
        let stream = self.context.new_stream().map_err(fault(self.ordinal))?;
        Ok(Stream { device: Arc::clone(self), stream })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_ok() {
            for module in self.modules.drain(..) {
                // SAFETY: it was loaded, and nobody has a function of it any more. Of a failed device nothing is left.
                let _ = unsafe { result::module::unload(module) };
            }
        }
    }
}

/// Bytes of dynamic shared memory that a kernel may use without asking.
const SHARED_WITHOUT_ASKING: usize = 48 << 10;

/// A kernel of an open device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function(sys::CUfunction);

// SAFETY: a handle of the driver's.
unsafe impl Send for Function {}
// SAFETY: the same.
unsafe impl Sync for Function {}

/// Device memory.
pub(crate) struct Buffer {
    device: Arc<Device>,
    address: u64,
    bytes: usize,
}

impl Buffer {
    /// Where it begins, on the device.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// How long it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.device.context.bind_to_thread().is_ok() {
            // SAFETY: it was allocated, and freeing waits for what uses it. Of a failed device nothing can be freed.
            let _ = unsafe { result::free_sync(self.address) };
        }
    }
}

/// Host memory that the device reads and writes by itself.
pub(crate) struct Pinned {
    device: Arc<Device>,
    start: *mut u8,
    bytes: usize,
}

// SAFETY: it owns its memory.
unsafe impl Send for Pinned {}
// SAFETY: writing takes it mutably.
unsafe impl Sync for Pinned {}

impl Pinned {
    /// Its bytes; the caller has waited for what the device does with it.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many are there, initialised.
        unsafe { std::slice::from_raw_parts(self.start, self.bytes) }
    }

    /// The same, to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: so many are there, initialised.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.bytes) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if self.device.context.bind_to_thread().is_ok() {
            // SAFETY: it was allocated so.
            let _ = unsafe { result::free_host(self.start.cast()) };
        }
    }
}

/// Work in order.
pub(crate) struct Stream {
    device: Arc<Device>,
    stream: Arc<CudaStream>,
}

impl Stream {
    /// Its device.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Makes the device's context current on this thread, for a library that works in whichever is.
    pub(crate) fn bind(&self) -> Result<()> {
        self.bound().map(drop)
    }

    /// The driver's handle, which is the CUDA runtime's too.
    pub(crate) fn raw(&self) -> *mut c_void {
        self.stream.cu_stream().cast()
    }

    fn bound(&self) -> Result<impl Fn(DriverError) -> DeviceFault + use<>> {
        let failed = fault(self.device.ordinal);
        self.device.context.bind_to_thread().map_err(&failed)?;
        Ok(failed)
    }

    /// Copies so many bytes up.
    ///
    /// # Safety
    ///
    /// Nobody writes them, or frees either side, before the stream has got there.
    pub(crate) unsafe fn upload(&self, from: &Pinned, at: usize, to: u64, bytes: usize) -> Result<()> {
        let failed = self.bound()?;
        let from = &from.bytes()[at..at + bytes];
        // SAFETY: the caller's.
        unsafe { result::memcpy_htod_async(to, from, self.stream.cu_stream()) }.map_err(failed)
    }

    /// Copies so many bytes down.
    ///
    /// # Safety
    ///
    /// Nobody reads or writes them, or frees either side, before the stream has got there.
    pub(crate) unsafe fn download(&self, from: u64, to: &mut Pinned, at: usize, bytes: usize) -> Result<()> {
        let failed = self.bound()?;
        let to = &mut to.bytes_mut()[at..at + bytes];
        // SAFETY: the caller's.
        unsafe { result::memcpy_dtoh_async(to, from, self.stream.cu_stream()) }.map_err(failed)
    }

    /// Copies ordinary memory up, and waits for it.
    pub(crate) fn upload_now(&self, from: &[u8], to: &Buffer) -> Result<()> {
        let failed = self.bound()?;
        if from.len() > to.bytes {
            return Err(DeviceFault { ordinal: self.device.ordinal, kind: FaultKind::Failed, said: "too long".into() });
        }
        // SAFETY: both sides live, and are waited for.
        unsafe { result::memcpy_htod_async(to.address, from, self.stream.cu_stream()) }.map_err(failed)?;
        self.wait()
    }

    /// Copies so many bytes from one place on the device to another.
    ///
    /// # Safety
    ///
    /// Both are there until the stream has got there, and nobody writes the first or reads the second meanwhile.
    pub(crate) unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        let failed = self.bound()?;
        // SAFETY: the caller's.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream.cu_stream()) }.map_err(failed)
    }

    /// Fills bytes with one value.
    ///
    /// # Safety
    ///
    /// They are there until the stream has got there.
    pub(crate) unsafe fn fill(&self, at: u64, value: u8, bytes: usize) -> Result<()> {
        let failed = self.bound()?;
        // SAFETY: the caller's.
        unsafe { result::memset_d8_async(at, value, bytes, self.stream.cu_stream()) }.map_err(failed)
    }

    /// Launches a kernel.
    ///
    /// # Safety
    ///
    /// The parameters are that kernel's, and what they point to is there until the stream has got there.
    pub(crate) unsafe fn launch<P: Params>(&self, function: Function, grid: Grid, params: &P) -> Result<()> {
        // SAFETY: the caller's.
        unsafe { self.launch_bytes(function, grid, std::ptr::from_ref(params).cast()) }
    }

    /// The same, of parameters whose type is forgotten.
    ///
    /// # Safety
    ///
    /// The same.
    pub(crate) unsafe fn launch_bytes(&self, function: Function, grid: Grid, params: *const c_void) -> Result<()> {
        let failed = self.bound()?;
        let [x, y, z] = grid.blocks.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let threads = u32::try_from(grid.threads).unwrap_or(u32::MAX);
        let shared = u32::try_from(grid.shared).unwrap_or(u32::MAX);
        let mut arguments = [params.cast_mut()];
        // SAFETY: the caller's; the driver copies the parameters before it returns.
        unsafe {
            result::launch_kernel(
                function.0,
                (x, y, z),
                (threads, 1, 1),
                shared,
                self.stream.cu_stream(),
                &mut arguments,
            )
        }
        .map_err(failed)
    }

    /// Records what `work` puts into this stream, instead of doing it. Others may allocate meanwhile.
    pub(crate) fn record(&self, work: impl FnOnce() -> Result<()>) -> Result<Recorded> {
        let failed = self.bound()?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        self.stream.begin_capture(mode).map_err(&failed)?;
        let worked = work();
        let flags = sys::CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
        // The recording is ended even if the work failed.
        let graph = self.stream.end_capture(flags);
        worked?;
        match graph.map_err(failed)? {
            Some(graph) => Ok(Recorded(graph)),
            None => Err(DeviceFault {
                ordinal: self.device.ordinal,
                kind: FaultKind::Failed,
                said: "recorded nothing".into(),
            }),
        }
    }

    /// Does what was recorded of this stream.
    ///
    /// # Safety
    ///
    /// What it reads and writes is there until the stream has got there.
    pub(crate) unsafe fn replay(&self, recorded: &Recorded) -> Result<()> {
        let failed = self.bound()?;
        recorded.0.launch().map_err(failed)
    }

    /// Waits until all is done.
    pub(crate) fn wait(&self) -> Result<()> {
        let failed = self.bound()?;
        self.stream.synchronize().map_err(failed)
    }

    /// A point in the stream, with its time.
    pub(crate) fn event(&self) -> Result<Event> {
        let failed = self.bound()?;
        let flags = sys::CUevent_flags::CU_EVENT_DEFAULT;
        self.stream.record_event(Some(flags)).map(Event).map_err(failed)
    }
}

/// A point in a stream.
pub(crate) struct Event(CudaEvent);

impl Event {
    /// Milliseconds from another point to this one, if both have been reached.
    pub(crate) fn since(&self, earlier: &Self) -> Option<f32> {
        earlier.0.elapsed_ms(&self.0).ok()
    }
}

/// A recorded sequence of launches and copies.
pub(crate) struct Recorded(CudaGraph);

// SAFETY: it is used by whoever holds the stream's executor, one at a time.
unsafe impl Send for Recorded {}
